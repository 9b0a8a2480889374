"""SapientML: it writes programs from the data's meta-features, runs them and keeps the best; it has no limit of time."""

import numpy as np
from job import work
from sapientml import SapientML

METRICS = {"rmse": "RMSE", "log_loss": "LogLoss", "balanced_log_loss": "LogLoss", "accuracy": "Accuracy", "amex": "AUC"}
job = work()
model = SapientML(["target"], task_type=job.kind, adaptation_metric=METRICS[job.metric])
model.fit(job.X.assign(target=job.y), output_dir=str(job.folder / "sapientml"), codegen_only=False)
said = model.predict(job.new)
columns = [c for c in said.columns if str(c) != "target"] if job.classification and not job.labels else ["target"]
values = said[columns or ["target"]].to_numpy(dtype=float)
if not job.classification or job.labels:
    values = values[:, 0]
elif values.shape[1] == 1:  # the probability of the second class
    values = np.column_stack([1 - values[:, 0], values[:, 0]])
job.answer(values)
