"""The only module that knows dask: worker processes of this machine, or a scheduler that somebody else runs.

A local cluster is for us alone: it listens on 127.0.0.1, with certificates made for it, since whoever can talk to a
dask scheduler can run code. Its web servers, which dask starts in any case, have no pages.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from uuid import uuid4

from handshake.errors import ToolError
from handshake.model.survey import Place, Survey
from handshake.survey.capture import survey_capture, unread

try:
    import dask
    import distributed
    from distributed.security import Security
except ImportError as missing:
    raise ToolError("a survey needs dask:  pip install 'dask[distributed]' fsspec cryptography") from missing

LOSSES = 2
"""Workers lost with a capture until it is suspected, and once more as many until it is given up."""
_PATIENCE_S = 10
"""How long a scheduler may take to answer, and workers to appear."""
_CONFIG = {
    "distributed.scheduler.allowed-failures": LOSSES - 1,
    "distributed.scheduler.worker-saturation": 1.0,  # nothing waits at a worker, to be lost with it
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.comm.timeouts.connect": f"{_PATIENCE_S}s",
}


@contextmanager
def local_cluster(workers: int) -> Iterator[distributed.Client]:
    """A client of so many worker processes, gone behind the block. Raises ToolError when they do not start."""
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        scratch = stack.enter_context(_scratch())
        stack.enter_context(dask.config.set({**_CONFIG, "temporary-directory": scratch}))
        try:
            with _uninterrupted():
                cluster = stack.enter_context(_begun(workers))
                client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
        except (OSError, RuntimeError, ImportError) as error:
            raise ToolError(f"the worker processes do not start: {_cause(error)}") from error
        try:
            yield client
        except BaseException:
            _end_workers(cluster)
            raise


def _begun(workers: int) -> distributed.LocalCluster:
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        security=Security.temporary(),
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        silence_logs=logging.CRITICAL + 1,
        preload=["handshake.survey.worker"],
    )


def _cause(error: BaseException) -> BaseException:
    """What the system said, where dask only says what did not start."""
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    return first if isinstance(first, OSError) else error


def _end_workers(cluster: distributed.LocalCluster) -> None:
    """End worker processes at once: asked to close, each would first finish the capture that it reads."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
    for process in multiprocessing.active_children():
        process.kill()


@contextmanager
def remote_cluster(scheduler: str) -> Iterator[distributed.Client]:
    """A client of a scheduler, which goes on without us behind the block. Raises ToolError when it has no workers."""
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        _knock(scheduler)
        try:
            client = stack.enter_context(distributed.Client(scheduler, timeout=_PATIENCE_S, set_as_default=False))
        except (OSError, ValueError) as error:
            raise ToolError(f"{scheduler}: no dask scheduler answers") from error
        try:
            client.wait_for_workers(1, timeout=_PATIENCE_S)
        except TimeoutError as error:
            raise ToolError(f"{scheduler}: the scheduler has no workers") from error
        yield client


def _knock(scheduler: str) -> None:
    """Whether anybody listens there at all, which dask takes long to find out. Raises ToolError."""
    host, _, port = scheduler.partition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S).close()
    except OSError as error:
        raise ToolError(f"{scheduler}: no scheduler answers ({error.strerror or error})") from error


def surveys(client: distributed.Client, places: Sequence[Place]) -> Iterator[Survey]:
    """The survey of each capture, as they come. What was lost with its worker is done again.

    A capture with which workers are lost again and again comes last, alone, so that it takes no other down and no
    other is blamed; if it does it again it is given up. Raises ToolError when the scheduler is lost.
    """
    suspects = []
    for place, survey in _each(client, places):
        if survey is None:
            suspects.append(place)
        else:
            yield survey
    for suspect in suspects:
        for place, survey in _each(client, [suspect]):
            yield survey or unread(place, "given up: every worker that read it was lost (killed, or out of memory)")


def _each(client: distributed.Client, places: Sequence[Place]) -> Iterator[tuple[Place, Survey | None]]:
    """Each capture with its survey, or with None when workers were lost with it."""
    run = uuid4().hex
    futures = {
        client.submit(survey_capture, place, key=f"survey-{run}-{place.number}", pure=False): place for place in places
    }
    for future in distributed.as_completed(list(futures), loop=client.loop):
        place = futures.pop(future)
        try:
            yield place, future.result()
        except distributed.KilledWorker:
            yield place, None
        except CancelledError as error:
            raise ToolError("the scheduler was lost") from error
        except ImportError as error:
            raise ToolError(f"the workers cannot do it ({error}): they need handshake in this version") from error
        except Exception as error:
            yield place, unread(place, f"the worker failed: {type(error).__name__}: {' '.join(str(error).split())}")


@contextmanager
def _scratch() -> Iterator[str]:
    """A directory for what dask likes to write; dask removes some of it itself, at any time."""
    directory = tempfile.mkdtemp(prefix="handshake-")
    try:
        yield directory
    finally:
        for _ in range(20):
            shutil.rmtree(directory, ignore_errors=True)
            if not os.path.exists(directory):
                break
            time.sleep(0.05)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what dask and its libraries log from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Threads and processes begun within never hear of a Ctrl-C, nor do those that they begin; it comes to us after."""
    resource_tracker.ensure_running()  # beginning it later would let signals through again (CPython)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
