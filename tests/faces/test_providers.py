"""The app in the hands of web frameworks' own dependency injection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from litestar import Litestar, get
from litestar.di import NamedDependency, Provide
from litestar.testing import TestClient as LitestarClient

from mainspring import Mainspring, task
from mainspring.core.state import RunState


@task
async def greet(name: str) -> str:
    return f"hello {name}"


@pytest.fixture
def app(tmp_path: Path) -> Mainspring:
    return Mainspring(f"sqlite:///{tmp_path}/jobs.db", tasks=[greet], isolation="inline")


@pytest.mark.scenario("K4", part="provide")
def test_fastapi_gets_the_app_by_depends(app: Mainspring) -> None:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with app:
            yield

    web = FastAPI(lifespan=lifespan)

    @web.post("/start", status_code=202)
    async def start(name: str, jobs: Annotated[Mainspring, Depends(app.provide)]) -> dict[str, Any]:
        run = await jobs.enqueue(greet, name=name)
        return {"run": run.id}

    @web.post("/run")
    async def done(name: str, jobs: Annotated[Mainspring, Depends(app.provide)]) -> str:
        return await jobs.run(greet, name=name)

    with TestClient(web) as client:
        started = client.post("/start", params={"name": "Ada"})
        assert started.status_code == 202
        assert client.post("/run", params={"name": "Grace"}).json() == "hello Grace"
        run = app.blocking.status(started.json()["run"])
        assert (run.task, run.state) == ("greet", RunState.PENDING)
    app.blocking.close()


def test_litestar_gets_the_app_by_provide(app: Mainspring) -> None:
    @get("/greet", dependencies={"jobs": Provide(app.provide)})
    async def show(jobs: NamedDependency[Mainspring]) -> str:
        return await jobs.run(greet, name="Ada")

    async def close() -> None:
        await app.close()

    web = Litestar([show], on_shutdown=[close])
    with LitestarClient(web) as client:
        assert client.get("/greet").text == "hello Ada"
