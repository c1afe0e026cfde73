"""The one-machine stack keeps what it acknowledged, trusts no download, and touches nothing that is not its own."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, ResponseFuture, Session
from cassandra.policies import RoundRobinPolicy
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import stack
from deploy.local import config as local
from deploy.local import jars
from deploy.local.processes import Process
from deploy.local.ready import http_answers
from deploy.local.services import StartFailed, start_all
from deploy.local.stack import status

WRITES = 300


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Servers]:
    """Servers of this module's own: they get killed."""
    servers = stack.start_servers(tmp_path_factory.mktemp("killed"))
    yield servers
    servers.stop()


@pytest.fixture
def small_jar() -> jars.Jar:
    """The jar of the lock that is quickest to fetch."""
    lock = jars.read_lock(local.HERE / "kafka" / "jars.lock")
    return next(jar for jar in lock if jar.artifact == "slf4j-api")


def test_killing_kafka_loses_no_record_that_it_acknowledged(own: stack.Servers) -> None:
    make_topic(own.kafka_bootstrap, "kept")
    acknowledged: list[bytes] = []
    producer = Producer({"bootstrap.servers": own.kafka_bootstrap, "enable.idempotence": True, "linger.ms": 0})
    for number in range(WRITES):
        producer.produce("kept", value=str(number), on_delivery=keep(acknowledged))
    producer.flush(30)
    own.kill9("kafka")
    own.restart("kafka")
    assert len(acknowledged) == WRITES
    assert read(own.kafka_bootstrap, "kept", WRITES) == acknowledged


def test_killing_cassandra_in_the_middle_of_writes_loses_none_that_it_acknowledged(own: stack.Servers) -> None:
    with connect(own) as session:
        session.execute(
            "CREATE KEYSPACE kept WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
        )
        session.execute("CREATE TABLE kept.rows (id int PRIMARY KEY)")
        insert = session.prepare("INSERT INTO kept.rows (id) VALUES (?)")
        writes = [session.execute_async(insert, (number,)) for number in range(WRITES)]
        for write in writes[: WRITES // 2]:
            write.result()
        own.kill9("cassandra")
        acknowledged = {number for number, write in enumerate(writes) if succeeded(write)}
    own.restart("cassandra")
    with connect(own) as session:
        rows = {row.id for row in session.execute("SELECT id FROM kept.rows")}
    assert len(acknowledged) >= WRITES // 2
    assert acknowledged <= rows


def test_a_missing_jar_is_fetched_and_then_not_fetched_again(small_jar: jars.Jar, tmp_path: Path) -> None:
    fetched: list[jars.Jar] = []
    get = jars.maven(local.cache_folder(os.environ))

    def counted(jar: jars.Jar, path: Path) -> None:
        fetched.append(jar)
        get(jar, path)

    for _ in range(2):
        (path,) = jars.ensure([small_jar], tmp_path, counted)
        assert jars.checksum(path) == small_jar.sha256
    assert fetched == [small_jar]


def test_a_damaged_jar_is_fetched_again(small_jar: jars.Jar, tmp_path: Path) -> None:
    get = jars.maven(local.cache_folder(os.environ))
    (path,) = jars.ensure([small_jar], tmp_path, get)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    jars.ensure([small_jar], tmp_path, get)
    assert jars.checksum(path) == small_jar.sha256


def test_a_download_with_another_checksum_is_refused_named_and_not_kept(small_jar: jars.Jar, tmp_path: Path) -> None:
    expected = replace(small_jar, sha256="0" * 64)
    with pytest.raises(jars.WrongChecksum) as refused:
        jars.ensure([expected], tmp_path, jars.maven(local.cache_folder(os.environ)))
    for told in (small_jar.coordinates, expected.sha256, small_jar.sha256):
        assert told in str(refused.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_secret_is_written_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("LACAK_HTTP_PORT=8001")
    assert local.ensure_secret(local.parse_env(env_file.read_text()), env_file)
    written = local.parse_env(env_file.read_text())
    assert not local.ensure_secret(written, env_file)
    assert local.parse_env(env_file.read_text()) == written
    assert written["LACAK_HTTP_PORT"] == "8001"
    assert len(written["LACAK_JWT_SECRET"]) >= 32
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600


def test_status_is_a_line_a_process_with_its_state_and_pid(tmp_path: Path) -> None:
    config = stack.private_config(tmp_path, cassandra="db.example.org")
    kafka = Process("kafka", config.folder)
    kafka.start([sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
    try:
        assert status(config).splitlines() == [
            f"kafka unready {kafka.pid()}",
            "cassandra elsewhere -",
            "track stopped -",
            "notify stopped -",
            "web stopped -",
            "simulate stopped -",
        ]
    finally:
        kafka.stop(1)


def test_status_says_that_a_server_runs_when_it_answers(own: stack.Servers) -> None:
    service = own.services["kafka"]
    host, port = service.listens[0]
    config = replace(stack.private_config(service.process.folder), host=host, kafka_port=port)
    assert status(config).splitlines()[0] == f"kafka running {service.process.pid()}"


def test_a_process_that_got_the_id_of_a_dead_one_is_not_stopped(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process = Process("kafka", tmp_path)
    process.pid_file.parent.mkdir()
    process.pid_file.write_text(f"{other.pid} 1\n")
    process.stop(grace=0)
    assert other.poll() is None
    other.send_signal(signal.SIGKILL)
    other.wait()


def test_what_dies_while_it_starts_is_named_with_the_end_of_its_log(own: stack.Servers, tmp_path: Path) -> None:
    process = Process("track", tmp_path)
    words = "print('no such topic'); raise SystemExit(1)"
    service = replace(
        own.services["kafka"],
        process=process,
        command=[sys.executable, "-c", words],
        answers=lambda: False,
        listens=[],
    )
    with pytest.raises(StartFailed, match=r"(?s)track died while it started.*no such topic"):
        start_all([service], print)


def test_a_port_that_another_program_has_is_named(
    own: stack.Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.services.PORT_SECONDS", 0.3)
    taken = replace(own.services["kafka"], process=Process("kafka", tmp_path))
    with pytest.raises(StartFailed, match=own.kafka_bootstrap):
        start_all([taken], print)


def test_up_and_down_leave_nothing_running_and_a_second_up_starts_nothing(tmp_path: Path) -> None:
    config = stack.private_config(tmp_path / "stack")
    variables = stack.environment(config) | {"LACAK_JWT_SECRET": "a secret of the tests, 32 bytes long or more"}

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "deploy.local.stack", *words]
        done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        run("up", "--only", "servers")
        first = run("status")
        assert [line.split()[1] for line in first.splitlines()[:2]] == ["running", "running"]
        assert run("up", "--only", "servers").count("runs already") == 2
        assert run("status") == first
    finally:
        run("down")
    assert {line.split(" ", 1)[1] for line in run("status").splitlines()} == {"stopped -"}
    assert alive_under(tmp_path) == []


def test_run_moves_orders_until_it_is_interrupted_and_leaves_nothing_running(tmp_path: Path) -> None:
    config = stack.private_config(tmp_path / "stack")
    command = [sys.executable, "-m", "deploy.local.stack", "run"]
    log = tmp_path / "run.log"
    with log.open("wb") as out:
        run = subprocess.Popen(command, env=stack.environment(config), cwd=tmp_path, stdout=out, stderr=out)
    try:
        until(lambda: "Live page" in log.read_text() or run.poll() is not None)
        assert f"Live page: {config.page}" in log.read_text()
        assert http_answers(config.http_host, config.http_port, "/")
        until(lambda: applied(config) > 0 or run.poll() is not None)
        assert [line.split()[1] for line in status(config).splitlines()] == ["running"] * 6
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(60)
    assert run.returncode == 0, log.read_text()
    assert alive_under(tmp_path) == []


def applied(config: local.Config) -> float:
    """How many changes the order-tracking worker has applied, by its own metrics."""
    with urlopen(f"http://{config.metrics_host}:{config.track_metrics_port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith('lacak_outcomes_total{outcome="applied"}'))


def until(condition: Callable[[], bool], seconds: float = 180) -> None:
    """Wait for it; a time-out is a failure."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def alive_under(folder: Path) -> list[str]:
    """The command lines of processes that mention `folder`."""
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in told.splitlines() if str(folder) in line]


def make_topic(bootstrap: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)


def keep(acknowledged: list[bytes]) -> Callable[[KafkaError | None, Message], None]:
    """A delivery report that notes the value of what the broker acknowledged."""

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is None:
            acknowledged.append(message.value() or b"")

    return delivered


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """The values of the topic's only partition, from its start."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.partition.eof": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[bytes] = []
    while len(found) < count:
        message = consumer.poll(30)
        assert message is not None, f"only {len(found)} of {count} records came"
        if message.error() is None:
            found.append(message.value() or b"")
    consumer.close()
    return found


@contextmanager
def connect(servers: stack.Servers) -> Iterator[Session]:
    """A session of the driver, closed at the end."""
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy())
    cluster = Cluster(
        [servers.cassandra_host],
        port=servers.cassandra_port,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        protocol_version=5,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def succeeded(write: ResponseFuture) -> bool:
    """Whether the server acknowledged it; what a killed server left open failed."""
    try:
        write.result()
    except Exception:  # noqa: BLE001  (the driver has a dozen for a lost connection)
        return False
    return True
