"""The web pages of a real server's executions."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import httpx
import pytest
from flytekit.models.execution import Execution
from flytekit.remote import FlyteRemote

from tests.flyteadmin.browsing import EXECUTIONS, HOSTILE, PageText, read
from tests.flyteadmin.conftest import DOMAIN, PROJECT, FlyteAdminProcess, execution_id, finish, launch, until

Finished = Callable[[str], Execution]


@pytest.fixture
def web(admin: FlyteAdminProcess) -> Iterator[httpx.Client]:
    """Return a browser of sorts on the real server."""
    with httpx.Client(base_url=admin.config.http_url, timeout=30) as client:
        yield client


def test_overview_counts_executions(web: httpx.Client, finished: Finished) -> None:
    finished("greet"), finished("exits")
    page = read(web, "/console")
    assert re.search(r"development .*\d+ failed .*\d+ succeeded .*staging no executions", page.text)
    assert f"{EXECUTIONS}?phase=FAILED" in page.links


def test_list_filters_by_phase_and_plan(web: httpx.Client, finished: Finished) -> None:
    finished("greet"), finished("exits")
    assert f"{EXECUTIONS}/greet" in read(web, EXECUTIONS).links
    failed = read(web, f"{EXECUTIONS}?phase=FAILED").links
    assert f"{EXECUTIONS}/exits" in failed
    assert f"{EXECUTIONS}/greet" not in failed
    of_plan = read(web, f"{EXECUTIONS}?launch_plan=example.basics.greet").links
    assert f"{EXECUTIONS}/greet" in of_plan
    assert f"{EXECUTIONS}/exits" not in of_plan


def test_execution_with_sub_workflow_and_child(web: httpx.Client, finished: Finished) -> None:
    finished("nested")
    page = read(web, f"{EXECUTIONS}/nested")
    assert "nested Succeeded after" in page.text
    assert "Inputs n integer 2" in page.text
    assert re.search(r"o0 integer 256 o1 file s3://\S+/written\.txt", page.text)
    inside = [f"{EXECUTIONS}/nested/nodeId/{node}/nodes" for node in ("n0", "n0-0-n0", "n0-0-n1", "n1", "n2")]
    assert [each for each in page.links if each in inside] == inside
    child = next(each for each in page.links if re.search(r"/executions/f[0-9a-f]{19}$", each))
    assert f"{EXECUTIONS}/nested/nodeId/n1/nodes" in read(web, child).links


def test_node_with_log_and_fenced_deck(web: httpx.Client, finished: Finished) -> None:
    finished("two-tasks")
    node = f"{EXECUTIONS}/two-tasks/nodeId/n1"
    answer = web.get(f"{node}/nodes")
    assert '<iframe class="deck" sandbox="allow-scripts"' in answer.text
    page = PageText(answer.text)
    assert "names list of 2 0 a 1 b" in page.text
    assert '"label": "a-b"' in page.text
    assert f"{node}/logs/0" in page.links
    assert f"{node}/decks/0" in page.links
    deck = web.get(f"{node}/decks/0")
    assert "deck of 16" in deck.text
    policy = deck.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert deck.headers["x-content-type-options"] == "nosniff"
    assert f"/logs/{PROJECT}/{DOMAIN}/two-tasks/n1/0" in read(web, f"{node}/logs/0").links
    read(web, f"{EXECUTIONS}/two-tasks/nodeId/n0/decks/0", 404)


def test_failed_execution_says_why(web: httpx.Client, finished: Finished) -> None:
    finished("attempts-in-vain")
    assert "error=only 3 of 9 steps" in read(web, f"{EXECUTIONS}/attempts-in-vain").text
    node = read(web, f"{EXECUTIONS}/attempts-in-vain/nodeId/n0/nodes").text
    assert re.search(r"1 Retryable failed .*error=only 1 of 9.* 3 Failed .*error=only 3 of 9", node)


def test_map_task_shows_its_elements(web: httpx.Client, finished: Finished) -> None:
    finished("lenient")
    node = f"{EXECUTIONS}/lenient/nodeId/n0/nodes"
    assert {f"{node}/0", f"{node}/1"} <= set(read(web, f"{EXECUTIONS}/lenient").links)
    assert re.search(r"1 (succeeded, 1 failed|failed, 1 succeeded)", read(web, node).text, re.IGNORECASE)
    good, bad = read(web, f"{node}/0").text, read(web, f"{node}/1").text
    assert "n integer 1" in good
    assert re.search(r"Outputs o0 integer 2", good)
    assert "-1 is negative" in bad
    read(web, f"{node}/2", 404)


def test_cache_hit_links_to_its_source(web: httpx.Client, remote: FlyteRemote, finished: Finished) -> None:
    finished("cache-one")
    launch(remote, "example.running.cached_wf", {"n": 1, "salt": "first"}, "console-hit")
    finish(remote, "console-hit")
    page = read(web, f"{EXECUTIONS}/console-hit/nodeId/n0/nodes")
    assert f"{EXECUTIONS}/cache-one/nodeId/n0/nodes" in page.links
    assert "Nothing ran: the outputs came from the cache." in page.text


def test_running_then_aborted(web: httpx.Client, remote: FlyteRemote, finished: Finished) -> None:
    finished("two-tasks")
    launch(remote, "example.basics.sleep_for", {"seconds": 300.0}, "console-aborted")
    path = f"{EXECUTIONS}/console-aborted"
    until(lambda: "sleeper n0 Running" in read(web, path).text)
    running = web.get(path).text
    assert 'data-live="2"' in running
    assert "There are none yet." in running
    remote.client.terminate_execution(execution_id("console-aborted"), f"because {HOSTILE}")
    finish(remote, "console-aborted")
    ended = web.get(path).text
    assert "data-live" not in ended
    assert f"Aborted by airflow because {HOSTILE}" in PageText(ended).text
    assert HOSTILE not in ended


@pytest.mark.parametrize(
    "path",
    [
        "/console/nowhere",
        "/console/static/../pages.py",
        "/console/static/%2e%2e/pages.py",
        f"/console/projects/other/domains/{DOMAIN}/executions",
        f"/console/projects/{PROJECT}/domains/other/executions",
        f"{EXECUTIONS}/no-such",
        f"{EXECUTIONS}/greet/nodeId/absent/nodes",
        f"{EXECUTIONS}/greet/nodeId/n0/nodes/0",
        f"{EXECUTIONS}/greet/nodeId/n0/logs/7",
        f"{EXECUTIONS}/greet/nodeId/n0/logs/..%2f..%2fn0%2f0",
        f"{EXECUTIONS}/greet/nodeId/..%2f..%2fgreet%2fn0/logs/0",
        f"{EXECUTIONS}/greet/nodeId/n0/decks/0",
    ],
)
def test_unknown_is_a_clear_404(admin: FlyteAdminProcess, finished: Finished, path: str) -> None:
    finished("greet")
    # http.client sends a path as it is; httpx would take the dots out.
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(admin.config.http_url + path)
    assert refused.value.code == 404
    page = refused.value.read().decode()
    assert "<h1>Not Found</h1>" in page
    assert 'href="/console"' in page


def test_refusals(web: httpx.Client) -> None:
    assert web.post(EXECUTIONS).status_code == 405
    assert web.get("/console", headers={"Host": "elsewhere.example"}).status_code == 400
    assert "“NONSENSE” is no phase" in read(web, f"{EXECUTIONS}?phase=NONSENSE", 400).text
    for number in ("0", "-1", "x", "²", "9" * 40):
        assert "is no page number" in read(web, f"{EXECUTIONS}?page={number}", 400).text
