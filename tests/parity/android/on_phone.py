"""What answers of a phone are held to, and what may be left on it afterwards: nothing."""

import tempfile
from pathlib import Path

import numpy as np
from tests.parity.adb_device.phone import PROPERTIES

from signport.files import sha256_file
from signport.parity.answers import Options
from signport.parity.figures import output_step, steps_apart
from signport.parity.worker_runs import run_runtime

QUICK = Options(threads=(1,), repeats=3, warm_up=1, timeout_s=120)
REAL = {name: value for name, value in PROPERTIES.items() if "qemu" not in name}


def assert_like_this_machines(job, files):
    here = run_runtime("compiled-model", job, QUICK, remedy="")
    assert list(files) == list(job.files)
    for form, answer in files.items():
        assert answer.status == "ran", f"{form}: {answer.reason}"
        if form == "int8":
            step = output_step(job.files[form].read_bytes())
            assert steps_apart(answer.output, here.files[form].output, step, job.output) <= 1
        else:
            np.testing.assert_allclose(answer.output, here.files[form].output, rtol=0, atol=1e-5)
        assert answer.sha256 == sha256_file(job.files[form])


def assert_nothing_left(daemon):
    assert daemon.wait_for_services()
    assert list(daemon.phone.storage.iterdir()) == []
    assert daemon.reversed_ports() == []
    assert list(Path(tempfile.gettempdir()).glob("signport-android-*")) == []
