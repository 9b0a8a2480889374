"""What libraries do once, at their first use, done by importing this: the warm process imports it last, and its forks need not.

scikit-learn looks through the metadata of all installed packages the first time that it is given a frame, pandas and pickle look
names up, SciPy loads its solvers. Nothing here may start a thread, which a fork does not survive: no estimator that uses OpenMP.
"""

from __future__ import annotations

import pickle
from io import BytesIO

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

frame = pd.DataFrame({"number": [0.0, 1.0, 2.0, 3.0], "text": pd.Series(["a", "b", "a", "b"], dtype="str")})
frame = pd.read_pickle(BytesIO(pickle.dumps(frame)))
columns = ColumnTransformer([("number", StandardScaler(), ["number"]), ("text", OneHotEncoder(), ["text"])])
for estimator in (LogisticRegression(), Ridge(), ExtraTreesClassifier(2), SVC()):
    make_pipeline(columns, estimator).fit(frame, np.array([0, 1, 1, 0])).predict(frame)
