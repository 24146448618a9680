"""How scripts talk to a suite that runs: through the `tandem` command, and to its databases."""

import json, os, pathlib, subprocess

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path(__file__).resolve().parents[2] / "target")) / "debug"
TANDEM = str((TARGET / "tandem").resolve())


def call(data, method, body, role="supervisor"):
    done = subprocess.run([TANDEM, "call", method, json.dumps(body), "--as", role], env={**os.environ, "TANDEM_DATA": str(data)},
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{method} {body}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def sql(data, service, query):
    url = json.loads((data / "connection.json").read_text())["services"][service]["database"]
    return subprocess.run(["psql", "-X", "-At", url, "-c", query], check=True, capture_output=True, text=True).stdout.strip()
