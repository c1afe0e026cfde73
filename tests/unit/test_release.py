"""A release is refused where its tag, its version and its changelog differ."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest

from deploy.release import ROOT, problems, sections

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIGEST = f"sha256:{'0' * 64}"
TOLD = "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-12-01\n\n### Added\n- More.\n\n## 1.1.0 - 2026-11-01\n- Some.\n"


def tree(folder: Path, changelog: str, version: str = "1.2.0") -> Path:
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(changelog)
    return folder


def test_this_tree_agrees_with_itself() -> None:
    assert list(problems()) == []


def test_a_release_is_what_its_tag_and_its_changelog_say(tmp_path: Path) -> None:
    assert list(problems(tree(tmp_path, TOLD), "v1.2.0")) == []


@pytest.mark.parametrize(
    ("changelog", "tag", "says"),
    [
        (TOLD, "v1.2.1", "is not v1.2.0"),
        (TOLD, "1.2.0", "is not v1.2.0"),
        (TOLD.replace(" - 2026-12-01", ""), "v1.2.0", "no section `## 1.2.0"),
        (TOLD.replace("### Added\n- More.\n", ""), "v1.2.0", "or nothing in it"),
        (TOLD.replace("## Unreleased\n", "## Unreleased\n- Forgotten.\n"), "v1.2.0", "would not be told"),
        (TOLD.replace("## Unreleased\n", ""), "", "no section Unreleased"),
    ],
)
def test_what_differs_is_named(changelog: str, tag: str, says: str, tmp_path: Path) -> None:
    [found] = problems(tree(tmp_path, changelog), tag)
    assert says in found


def test_the_notes_are_the_section_of_that_version_and_no_other() -> None:
    assert sections(TOLD)["1.2.0"] == ("2026-12-01", "### Added\n- More.")
    assert sections(TOLD)["1.1.0"] == ("2026-11-01", "- Some.")


def test_what_is_deployed_is_named_by_its_digest() -> None:
    with_image = runpy.run_path(str(ROOT / "deploy" / "gitops" / "set_image.py"))["with_image"]
    kustomization = (ROOT / "deploy" / "gitops" / "production" / "kustomization.yaml").read_text()
    changed = with_image(kustomization, "example.org/lacak", "1.2.0", DIGEST)
    assert f"    newName: example.org/lacak\n    digest: {DIGEST} # 1.2.0\n" in changed
    assert with_image(changed, "example.org/lacak", "1.2.0", DIGEST) == changed
    assert "newTag" not in changed and changed.count("\n") == kustomization.count("\n")
    with pytest.raises(ValueError, match="no digest"):
        with_image(kustomization, "example.org/lacak", "1.2.0", "1.2.0")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_use_actions_by_their_commit_and_begin_without_rights(workflow: Path) -> None:
    text = workflow.read_text()
    used = re.findall(r"uses: (\S+)(.*)", text)
    foreign = [(name, rest) for name, rest in used if not name.startswith("./")]
    assert all(re.search(r"@[0-9a-f]{40}$", name) and re.search(r"# v\d", rest) for name, rest in foreign)
    assert "\npermissions: {}\n" in text


@pytest.mark.parametrize("lock", ["runtime", "build"])
def test_an_image_has_the_versions_that_the_tests_have(lock: str) -> None:
    pins = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)
    tested = dict(pins.findall((ROOT / "requirements.lock").read_text()))
    found = dict(pins.findall((ROOT / "deploy" / "images" / f"{lock}.lock").read_text()))
    assert found and {name: tested.get(name) for name in found} == found


def test_what_the_project_needs_is_in_the_images_lock_and_what_tests_need_is_not() -> None:
    lock = (ROOT / "deploy" / "images" / "runtime.lock").read_text()
    needed = [re.split(r"[\[=<>]", each)[0] for each in PROJECT["dependencies"]]
    assert [name for name in needed if f"\n{name}==" not in lock and f"\n{name}[" not in lock] == []
    assert "\npytest==" not in lock


def test_an_image_is_made_of_every_package() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    packed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {*wheel["packages"], *(folder.split("/")[0] for folder in wheel["force-include"])} <= packed
