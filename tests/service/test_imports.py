"""What is loaded into the service and its workers: neither TensorFlow nor Keras, which cost seconds and memory."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest
from tests.service.serving import hand_picture

from signport.child_process import child_environment
from signport.service import messages
from signport.service.worker import LookingOptions

_TOLD = "print(sorted({'tensorflow', 'keras', 'tf_keras', 'pyarrow'} & set(sys.modules)), file=sys.stderr)"
_SERVICE = f"""
import sys
from pathlib import Path
from fastapi.testclient import TestClient
from signport.service.app import create_app
from signport.service.settings import ServiceSettings
with TestClient(create_app(ServiceSettings(classifier_path=Path(sys.argv[1]), workers=1))) as client:
    answer = client.post("/api/v1/asl/recognitions/landmarks", json={{"landmarks": [[0.5, 0.5, 0]] * 21}})
    assert answer.status_code == 200, answer.text
    assert client.get("/openapi.json").status_code == 200
{_TOLD}
"""
_WORKER = f"""
import sys
from signport.service import worker
worker.main()
{_TOLD}
"""


def _told(code, argument, **options):
    environment = child_environment()
    done = subprocess.run(
        [sys.executable, "-c", code, argument], capture_output=True, check=False, env=environment, **options
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stderr.decode().splitlines()[-1]


def test_the_service_loads_no_tensorflow(hand_run):
    assert _told(_SERVICE, str(hand_run)) == "[]"


@pytest.mark.parametrize("topology", ["hand", "isl_136"])
def test_a_worker_loads_no_tensorflow(topology):
    options = LookingOptions(topology, 0.5, 0.5, 1, 10**6, 10, 10.0)
    job = messages.pack({"do": "picture", "seconds": 60}, hand_picture())
    assert _told(_WORKER, json.dumps(asdict(options)), input=job) == "[]"
