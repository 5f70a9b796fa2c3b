"""
A real Apache Kafka for tests: the one that ``KAFKA_BOOTSTRAP_SERVERS`` names, or one of our own.

Our own is a single KRaft node run from the jars of ``org.apache.kafka:kafka_2.13``, which Maven
fetches once into a cache; after that a broker is up within seconds.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from toolkit.bus.kafka import ensure_topics
from toolkit.errors import BusError

KAFKA_VERSION = "3.9.1"
"""Of the versions that run on Java 17 and speak to kafka-python 3.0, the long-lived one."""

CLUSTER = "dG9vbGtpdC1pbi10ZXN0cw"
"""Name of the cluster."""

START_S = 90.0
FETCH_S = 600.0

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>toolkit</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

PROPERTIES = """
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
log.dirs={data}
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""

JAVA = ("java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class KafkaBroker:
    """
    A broker of our own, which a test may stop in every way that a machine can.

    Attributes:
        bootstrap: ``host:port``.
    """

    def __init__(self, scratch: Path, jars: Path) -> None:
        port, controller = free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        self._scratch = scratch
        self._properties = scratch / "server.properties"
        self._properties.write_text(
            PROPERTIES.format(port=port, controller=controller, data=scratch / "data")
        )
        self._java = [*JAVA, "-cp", f"{jars}/*"]
        self._log = scratch / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None
        formatting = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._properties)]
        subprocess.run([*self._java, *formatting], check=True, capture_output=True, timeout=START_S)

    def start(self) -> None:
        """Start it on what it had on disk, and return when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._properties)], stdout=log, stderr=log, cwd=self._scratch
            )
        wait_until_ready(self._process, self.bootstrap, self._log)

    def kill(self) -> None:
        """As ``kill -9`` does: nothing is said and nothing is tidied up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """It stays connected but does nothing, as behind a network that is cut, until ``thaw``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Do what was asked for meanwhile."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it."""
        assert self._process is not None
        self.thaw()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def kafka_broker(scratch: Path) -> Iterator[KafkaBroker | str]:
    """
    A broker of our own for as long as the context is open, or the ``host:port`` of the one that is given.

    Without one the test is skipped with the reason, or fails when ``TOOLKIT_REQUIRE`` lists ``kafka``.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    try:
        jars = kafka_jars()
    except RuntimeError as error:
        if "kafka" in os.environ.get("TOOLKIT_REQUIRE", "").split(","):
            pytest.fail(f"Kafka is required here: {error}")
        pytest.skip(str(error))
    broker = KafkaBroker(scratch, jars)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def kafka_jars() -> Path:
    """
    The directory with Kafka's jars, fetched when it is not there yet.

    Raises:
        RuntimeError: Java or Maven are missing, or the jars cannot be fetched; the message says which.
    """
    if shutil.which("java") is None:
        raise RuntimeError("no Kafka: java is not installed, and KAFKA_BOOTSTRAP_SERVERS is not set")
    root = os.environ.get("TOOLKIT_TEST_CACHE")
    cache = Path(root) if root else Path(__file__).parents[1] / ".venv" / ".cache"
    jars = cache / "kafka" / KAFKA_VERSION
    if jars.is_dir():
        return jars
    if shutil.which("mvn") is None:
        raise RuntimeError("no Kafka: mvn is not installed, and KAFKA_BOOTSTRAP_SERVERS is not set")
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent) as work:
        (Path(work) / "pom.xml").write_text(POM)
        copy = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        done = subprocess.run(
            [*copy, "-DoutputDirectory=jars", "-Dmaven.repo.local=downloads"],
            cwd=work,
            capture_output=True,
            text=True,
            timeout=FETCH_S,
        )
        if done.returncode:
            raise RuntimeError(f"no Kafka: its jars cannot be fetched: {done.stdout.strip()[-300:]}")
        try:
            # One step, so that nobody ever sees half of the jars.
            (Path(work) / "jars").rename(jars)
        except OSError:
            if not jars.is_dir():
                raise
    return jars


def wait_until_ready(server: subprocess.Popen[bytes], bootstrap: str, output: Path) -> None:
    """Return when the broker answers; fail with the end of its output when it does not."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            ensure_topics(bootstrap, ["ready"], connect_s=2.0)
        except BusError as error:
            ended = server.poll() is not None
            if ended or time.monotonic() > deadline:
                pytest.fail(f"Kafka did not start: {error}\n{output.read_text()[-2000:]}")
        else:
            return


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
