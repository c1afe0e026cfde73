"""The table of who may do what is whole, and gives nobody what is another's."""

import re
from pathlib import Path

import pytest

from agents.faust_app import make_app
from cli.edge import Failed
from cli.grants import chosen
from streams import topics
from streams.kafka_acls import Acl
from streams.settings import Settings
from tables import access, migrate, statements
from tables.access import MODIFY, SERVICES, TABLES, WRITE
from tables.cassandra_grants import Right, password_statement, rights
from tables.users import UsersTable

SETTINGS = Settings(_env_file=None, topic_prefix="x-", cassandra_keyspace="shop")  # type: ignore[call-arg]


def may_change(table: str) -> set[str]:
    return {name for name, service in SERVICES.items() if MODIFY in service.tables.get(table, ())}


def may_write(topic: topics.Topic | str) -> set[str]:
    name = topic if isinstance(topic, str) else topic.name
    return {each for each, service in SERVICES.items() if WRITE in service.topics.get(name, ())}


def test_every_table_of_the_schema_is_in_it() -> None:
    text = "".join(file.text for file in migrate.migrations(migrate.migrations_dir()))
    made = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", text)
    assert set(TABLES) == {*made, "schema_migrations"}
    used = re.findall(r"\{keyspace\}\.(\w+)", "\n".join((*statements.ALL, *statements.REBUILD)))
    assert set(used) <= set(TABLES)


def test_it_names_no_topic_group_or_table_that_is_not_there() -> None:
    for service in SERVICES.values():
        assert service.topics.keys() <= set(access.TOPICS), service.name
        assert service.groups.keys() <= set(access.GROUPS), service.name
        assert service.tables.keys() <= set(TABLES), service.name


def test_only_the_worker_and_a_rebuild_change_orders_and_only_the_worker_says_so() -> None:
    for table in ("orders", "orders_by_user", "orders_by_produk", "months_by_user"):
        assert may_change(table) == {"track", "rebuild"}, table
    assert may_change("order_status_history") == {"track"}
    assert may_change("waiting_updates") == {"track", "ops"}
    assert may_write(topics.CHANGED) == {"track"}
    assert may_write(topics.REJECTED) == {"track", "ops"}


def test_only_the_notification_worker_notifies() -> None:
    assert may_write(topics.NOTIFICATIONS) == may_write(topics.NOTIFY_CHANGELOG) == {"notify"}
    assert not SERVICES["notify"].tables


def test_a_gateway_and_whoever_is_outside_change_no_table_and_a_gateway_no_topic() -> None:
    for name in ("gateway", "shop", "courier", "data"):
        assert not any(MODIFY in permissions for permissions in SERVICES[name].tables.values()), name
    assert not any(WRITE in operations for operations in SERVICES["gateway"].topics.values())
    assert SERVICES["shop"].topics == {"orders": (WRITE,)}
    assert SERVICES["courier"].topics == {"courier-status-updates": (WRITE,)}


async def test_the_changelog_is_called_as_faust_calls_it(tmp_path: Path) -> None:
    app = make_app(SETTINGS, topics.NOTIFY_GROUP, [], None, tmp_path)  # type: ignore[arg-type]
    assert UsersTable(app).changelog == SETTINGS.topic(topics.NOTIFY_CHANGELOG)


def test_several_lacaks_on_one_kafka_have_users_of_their_own() -> None:
    service = SERVICES["data"]
    assert service.user(SETTINGS) == "x-lacak-data"
    assert service.acls(SETTINGS, "x-lacak-data") == {
        Acl("Topic", "x-order-status-changed", "literal", "Read"),
        Acl("Topic", "x-user-notifications", "literal", "Read"),
        Acl("Group", "x-lacak-data", "prefixed", "Read"),
    }
    assert Right("SELECT", "TABLE shop.orders") in rights(SERVICES["gateway"], SETTINGS)


def test_a_users_other_name_is_chosen_and_a_service_that_is_none_is_told() -> None:
    assert chosen(SETTINGS, ["track=CN=lacak-track"]) == {"CN=lacak-track": SERVICES["track"]}
    assert set(chosen(SETTINGS, [])) == {f"x-lacak-{name}" for name in SERVICES}
    for wrong in ("tracker=x", "track", "track="):
        with pytest.raises(Failed, match="not SERVICE=NAME with one of api, gateway"):
            chosen(SETTINGS, [wrong])


def test_a_quote_in_a_password_or_a_name_stays_a_quote() -> None:
    assert password_statement('a"b', "it's", made=True) == "ALTER ROLE \"a\"\"b\" WITH PASSWORD = 'it''s'"
