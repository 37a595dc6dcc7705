"""The example for FastAPI with SQLAlchemy, as a team would run it: the service, and a worker beside it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.aio import run
from tests.transactions.callers import Place

APP = Path(__file__).parents[2] / "examples" / "fastapi_sqlalchemy" / "app.py"


@pytest.fixture
def example(dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example's module, on a database of its own; its order table is the example's too."""
    from tests.store.harness import new_postgres

    url = new_postgres() if dialect == "postgres" else f"sqlite:///{tmp_path / 'shop.db'}"
    monkeypatch.setenv("SHOP_URL", url)
    spec = importlib.util.spec_from_file_location("shop_example", APP)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "shop_example", module)
    spec.loader.exec_module(module)
    module.__dict__["place"] = Place(dialect, url)
    return module


@pytest.mark.scenario("I1", part="FastAPI with SQLAlchemy")
@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_an_order_and_its_invoice_come_and_go_together(example: Any) -> None:
    with TestClient(example.web) as client:
        placed = client.post("/orders", json={"article": "lamp", "amount": 2})
        assert placed.status_code == 202
        order, run_id = placed.json()["order"], placed.json()["run"]
        assert client.post("/orders", json={"article": "unicorn", "amount": 1}).status_code == 409
        assert client.post("/orders", json={"article": "lamp", "amount": 0}).status_code == 422
        assert example.place.orders() == [order]
        assert example.place.runs() == [run_id]
        assert client.get(f"/orders/{order}").json()["invoice"] is None

    async def work() -> str:
        async with example.Mainspring(example.URL, tasks=[example.write_invoice], isolation="inline") as app, app.worker():
            found = await app.wait_for(run_id, 30)
            await example.engine.dispose()
            return str(found.result)

    assert run(work()) == f'"R-{order:05}"'
    with TestClient(example.web) as client:
        assert client.get(f"/orders/{order}").json() == {"order": order, "article": "lamp", "amount": 2, "invoice": f"R-{order:05}"}
        assert client.get("/orders/99").status_code == 404
