"""CatBoost at its defaults."""

from catboost import CatBoostClassifier, CatBoostRegressor
from job import of_estimator, work

job = work()
make = CatBoostClassifier if job.classification else CatBoostRegressor
of_estimator(job, make(random_seed=job.seed, verbose=False, allow_writing_files=False).fit(job.X, job.y))
