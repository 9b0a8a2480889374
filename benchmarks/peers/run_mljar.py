"""mljar-supervised within the seconds, in its mode to explain, which is its default."""

from job import of_estimator, work
from supervised import AutoML

METRICS = {"rmse": "rmse", "log_loss": "logloss", "balanced_log_loss": "logloss", "accuracy": "accuracy", "amex": "auc"}
job = work()
kind = "regression" if not job.classification else "binary_classification"
kind = "multiclass_classification" if job.classification and job.y.nunique() > 2 else kind
model = AutoML(
    results_path=str(job.folder / "mljar"),
    mode="Explain",
    ml_task=kind,
    eval_metric=METRICS[job.metric],
    total_time_limit=int(job.seconds),
    random_state=job.seed,
    n_jobs=2,
    verbose=0,
)
model.fit(job.X, job.y)
of_estimator(job, model)
