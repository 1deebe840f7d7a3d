"""The connection to a Dask scheduler: made within seconds, or told in one line why not."""

import contextlib
import logging
import queue
import threading
import warnings
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from signport.errors import SignportError

if TYPE_CHECKING:
    from distributed import Client

CONNECT_S, CLOSE_S = 10.0, 2.0
# What a scheduler that cannot be reached, or is lost in the middle of a word, shows as.
UNREACHABLE = (OSError, TimeoutError, CancelledError, RuntimeError)
# What must be the same on both sides of a connection: a task is a pickle of one and is unpickled by the other.
_SAME = ("python", "dask", "distributed", "cloudpickle")


def import_distributed() -> None:
    """Imports Dask, and silences its log.

    Raises:
        SignportError: It is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError:
        raise SignportError('a cluster needs dask.distributed; run `pip install "signport[cluster]"`') from None
    # A lost worker or scheduler is an everyday thing here, told in one line of ours, not in tracebacks.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def check_certificates(address: str) -> None:
    """Checks that Dask's configuration has what an address asks for.

    Raises:
        SignportError: Certificates are missing, or don't load.
    """
    from distributed.security import Security

    try:
        context = Security().get_connection_args("client")["ssl_context"]
    except (OSError, ValueError) as error:
        raise SignportError(f"{address}: the certificates of Dask's configuration don't load ({error})") from error
    if context is None and address.startswith("tls"):
        raise SignportError(
            f"{address}: TLS needs certificates; name them in Dask's configuration (distributed.comm.tls.ca-file and "
            "distributed.comm.tls.client.cert)"
        )


def connect(address: str) -> "Client":
    """A client of the scheduler, whose software has been compared.

    In a thread of its own: Dask waits for ever for an answer to its greeting where something else listens.

    Raises:
        SignportError: The software differs.
        OSError: No scheduler answers; also others of `UNREACHABLE`.
    """
    made: queue.SimpleQueue[Client | BaseException] = queue.SimpleQueue()
    threading.Thread(target=lambda: made.put(_client_or_error(address)), daemon=True).start()
    try:
        client = made.get(timeout=2 * CONNECT_S)
    except queue.Empty:
        raise TimeoutError("what listens there is no scheduler") from None
    if isinstance(client, BaseException):
        raise client
    return client


def _client_or_error(address: str) -> "Client | BaseException":
    from distributed import Client

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions: `_check_versions` is stricter, and says it in one line
            client = Client(address, timeout=CONNECT_S, set_as_default=False, name="signport-capture")
    except BaseException as error:  # noqa: BLE001 (raised again by whoever waits)
        return error
    try:
        _check_versions(client, address)
    except BaseException as error:  # noqa: BLE001 (raised again by whoever waits)
        with contextlib.suppress(*UNREACHABLE):
            client.close(timeout=CLOSE_S)
        return error
    return client


def _check_versions(client: "Client", address: str) -> None:
    found: Any = client.get_versions()
    here = _versions(found["client"])
    for where, one in (("the scheduler", found["scheduler"]), *found["workers"].items()):
        there = _versions(one) if one else here
        for package, version in there.items():
            if version != here[package]:
                raise SignportError(
                    f"{address}: {package} is {version} on {where}, but {here[package]} here; install the same "
                    "versions everywhere"
                )


def _versions(found: dict[str, Any]) -> dict[str, str]:
    packages = {name: str(found["packages"].get(name)) for name in _SAME}
    return packages | {"python": ".".join(packages["python"].split(".")[:2])}
