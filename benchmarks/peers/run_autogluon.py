"""AutoGluon within the seconds, at its medium preset, which is its default."""

from autogluon.tabular import TabularPredictor
from job import work

METRICS = {
    "rmse": "root_mean_squared_error", "log_loss": "log_loss", "balanced_log_loss": "log_loss", "accuracy": "accuracy", "amex": "roc_auc",
}  # fmt: skip
job = work()
kind = "regression" if not job.classification else "binary" if job.y.nunique() == 2 else "multiclass"
predictor = TabularPredictor(
    "target", problem_type=kind, eval_metric=METRICS[job.metric], path=str(job.folder / "autogluon"), verbosity=0
)
predictor.fit(job.X.assign(target=job.y), time_limit=job.seconds, presets="medium_quality", num_cpus=2)
if job.classification and not job.labels:
    job.answer(predictor.predict_proba(job.new)[sorted(job.y.unique())])
else:
    job.answer(predictor.predict(job.new))
