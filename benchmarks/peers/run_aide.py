"""AIDE: a language model writes whole programs, reads what they print and writes again; as many calls as AIDE_CALLS says.

AIDE_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY name the endpoint. AIDE runs what the model writes as it is, without a sandbox.
"""

import json
import os
import random
import re

import aide
import aide.agent
import pandas as pd
from job import work

METRICS = {
    "rmse": "root mean squared error, to be minimised",
    "log_loss": "log loss, to be minimised",
    "balanced_log_loss": "log loss with equal weight for every class, to be minimised",
    "accuracy": "accuracy, to be maximised",
    "amex": "mean of the normalised Gini coefficient and the default rate captured at 4 %, to be maximised",
}
job = work()
random.seed(job.seed)
calls = int(os.environ["AIDE_CALLS"])
ask = aide.agent.query
asked = 0


def query(**given):
    """One call; where the endpoint knows no function calls, the JSON object in its text is the review."""
    global asked
    asked += 1
    reply = ask(**given)
    if given.get("func_spec") is None or isinstance(reply, dict):
        return reply
    found = json.loads(re.search(r"\{.*\}", reply, re.DOTALL).group())
    metric = found.get("metric")
    return found | {"metric": float(metric) if isinstance(metric, int) else metric}


aide.agent.query = query
data = job.folder / "aide"
data.mkdir()
job.X.assign(target=job.y).to_csv(data / "train.csv", index=False)
job.new.to_csv(data / "test.csv", index=False)
columns = ["target"]
wanted = "`target`: the class code" if job.labels else "`target`: the value"
if job.classification and not job.labels:
    columns = [f"target_{code}" for code in sorted(job.y.unique())]
    wanted = f"{', '.join(f'`{c}`' for c in columns)}: the probability of each class"
os.chdir(job.folder)
config = aide._load_cfg(use_cli_args=False)
config.data_dir, config.preprocess_data = str(data), False
config.goal = (
    f"Predict `target` ({job.kind}) from train.csv for the rows of test.csv, which lacks it. working/submission.csv: one row for "
    f"each row of test.csv, in its order, with the columns {wanted}."
)
config.eval = METRICS[job.metric]
config.exec.timeout = max(60, round(job.seconds))
for role in (config.agent.code, config.agent.feedback):
    role.model = os.environ["AIDE_MODEL"]
config = aide.prep_cfg(config)
aide.prep_agent_workspace(config)
journal = aide.Journal()
agent = aide.Agent(task_desc=aide.load_task_desc(config), cfg=config, journal=journal)
interpreter = aide.Interpreter(
    config.workspace_dir, timeout=config.exec.timeout, format_tb_ipython=False, agent_file_name="runfile.py"
)
while asked + 2 <= calls:
    agent.step(exec_callback=interpreter.run)
best = journal.get_best_node(only_good=False)
interpreter.run(best.code, True)
interpreter.cleanup_session()
said = pd.read_csv(config.workspace_dir / "working" / "submission.csv")[columns].to_numpy(dtype=float)
job.answer(said if len(columns) > 1 else said[:, 0])
