"""Reading the console's pages as a browser without scripts does."""

import asyncio
from html.parser import HTMLParser

import httpx
from starlette.applications import Starlette

from tests.flyteadmin.conftest import DOMAIN, PROJECT

EXECUTIONS = f"/console/projects/{PROJECT}/domains/{DOMAIN}/executions"
HOSTILE = "<script>alert('x')</script>"


class PageText(HTMLParser):
    """Collects what a reader sees, the ids of the elements and the targets of links and frames."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links.extend(text or "" for name, text in attrs if name in ("href", "src"))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Browser:
    """Gets pages of an application in this process."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app=app)

    def get(self, path: str) -> httpx.Response:
        """Return the answer to a GET."""

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1") as client:
                return await client.get(path)

        return asyncio.run(ask())


def read(client: httpx.Client | Browser, path: str, status: int = 200) -> PageText:
    """Return a page, which must be HTML that loads nothing from elsewhere."""
    answer = client.get(path)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return PageText(answer.text)
