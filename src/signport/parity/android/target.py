"""Target `android`: a phone over adb, by two routes: LiteRT's library on its CPU, and the page in its Chrome."""

from signport.errors import SignportError
from signport.parity.android import chrome as android_chrome
from signport.parity.android import native as android_native
from signport.parity.android.adb import NoDeviceError, choose_device
from signport.parity.android.device import Device
from signport.parity.android.phone import Facts, facts_of
from signport.parity.answers import Options, RuntimeAnswers
from signport.parity.job import Job
from signport.parity.targets import Target


def run(job: Job, options: Options) -> list[RuntimeAnswers]:
    """Runs a job on a phone, by one route after the other: they must not take each other's time.

    Raises:
        SignportError: Several devices are connected, or `options.serial` is none of them.
    """
    try:
        device = choose_device(options.serial)
    except NoDeviceError as error:
        return _without_phone("skipped", error)
    try:
        facts = facts_of(device)
    except SignportError as error:
        return _without_phone("failed", error)
    answers = [android_native.run_native(job, options, device, facts), *_chrome(job, options, device, facts)]
    return [facts.in_answers(one) for one in answers]


def _chrome(job: Job, options: Options, device: Device, facts: Facts) -> list[RuntimeAnswers]:
    if (gone := device.gone()) is not None:
        return [RuntimeAnswers(android_chrome.RUNTIME, "skipped", f"the device {device.serial} went away ({gone})")]
    return android_chrome.run_chrome(job, options, device, facts)


def _without_phone(status: str, error: SignportError) -> list[RuntimeAnswers]:
    names = (android_native.RUNTIME, android_chrome.RUNTIME)
    return [RuntimeAnswers(name, status, str(error)) for name in names]  # type: ignore[arg-type]


TARGET = Target("android", run)
