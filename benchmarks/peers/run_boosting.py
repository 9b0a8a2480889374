"""Gradient boosting of scikit-learn at its defaults."""

from job import of_estimator, work
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

job = work()
make = HistGradientBoostingClassifier if job.classification else HistGradientBoostingRegressor
of_estimator(job, make(random_state=job.seed).fit(job.X, job.y))
