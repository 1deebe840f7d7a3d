import tempfile

import pytest
from tests.parity.adb_device.phone import Phone
from tests.parity.adb_device.private_adb import own_adb
from tests.parity.faked_run import fresh_run

from signport.parity.job import load_job


@pytest.fixture(scope="module")
def adb(tmp_path_factory):
    with own_adb(tmp_path_factory.mktemp("adb")) as adb:
        yield adb


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Where this process puts its temporary folders, so that what is left of them is seen."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def phone(tmp_path):
    return Phone(tmp_path / "phone")


@pytest.fixture
def daemon(adb, phone):
    with adb.plugged(phone) as daemon:
        yield daemon


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


@pytest.fixture
def job(run):
    return load_job(run)
