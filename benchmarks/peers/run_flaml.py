"""FLAML within the seconds."""

from flaml import AutoML
from job import of_estimator, work

METRICS = {
    "rmse": "rmse",
    "log_loss": "log_loss",
    "balanced_log_loss": "log_loss",
    "accuracy": "accuracy",
    "amex": "roc_auc",
}
job = work()
model = AutoML()
model.fit(
    job.X, job.y, task=job.kind, metric=METRICS[job.metric], time_budget=job.seconds, seed=job.seed, verbose=0, n_jobs=2
)
of_estimator(job, model)
