"""What code is there for, in every framework that the rules speak of."""

from __future__ import annotations

import pytest

from mainspring.advisor.finding import Role

from .conftest import Sources, project_of


def role(sources: Sources, name: str = "f", path: str = "app/main.py") -> Role:
    project = project_of(sources)
    file = next(each for each in project.files.values() if each.path == path)
    return project.role(file, next(each for each in file.functions if each.name == name))


HANDLERS = {
    "fastapi": "from fastapi import FastAPI\napp = FastAPI()\n@app.post('/x')\nasync def f(): ...",
    "fastapi router": "from fastapi import APIRouter\nrouter = APIRouter(prefix='/a')\n@router.get('/x')\ndef f(): ...",
    "fastapi router of a factory": "def make():\n    ...\nrouter = make()\n@router.put('/x/{id}')\ndef f(): ...",
    "fastapi add_api_route": "from fastapi import APIRouter\nr = APIRouter()\ndef f(): ...\nr.add_api_route('/x', f, methods=['GET'])",
    "starlette": "from starlette.routing import Route\nasync def f(request): ...\nroutes = [Route('/x', f)]",
    "starlette endpoint": "from starlette.routing import Route\nasync def f(request): ...\nroutes = [Route('/x', endpoint=f)]",
    "flask": "from flask import Flask\napp = Flask(__name__)\n@app.route('/x')\ndef f(): ...",
    "flask blueprint": "from flask import Blueprint\nbp = Blueprint('b', __name__)\n@bp.route('/x', methods=['POST'])\ndef f(): ...",
    "flask by its attribute": "import flask\nself = flask.Flask('x')\n@self.get('/x')\ndef f(): ...",
    "flask add_url_rule": "from flask import Flask\napp = Flask('a')\ndef f(): ...\napp.add_url_rule('/x', view_func=f)",
    "quart": "from quart import Quart\napp = Quart('a')\n@app.post('/x')\nasync def f(): ...",
    "sanic": "from sanic import Sanic\napp = Sanic('a')\n@app.get('/x')\nasync def f(request): ...",
    "litestar": "from litestar import get\n@get('/x')\nasync def f() -> None: ...",
    "aiohttp table": "from aiohttp import web\nroutes = web.RouteTableDef()\n@routes.get('/x')\nasync def f(request): ...",
    "aiohttp add_get": "from aiohttp import web\nasync def f(request): ...\ndef make():\n    app = web.Application()\n"
    "    app.router.add_get('/x', f)",
    "aiohttp web.get": "from aiohttp import web\nasync def f(request: web.Request): ...",
    "django": "from django.urls import path\ndef f(request): ...\nurlpatterns = [path('x', f)]",
    "django request": "from django.http import HttpRequest\ndef f(request: HttpRequest, pk): ...",
    "django decorator": "from django.contrib.auth.decorators import login_required\n@login_required\ndef f(request): ...",
    "drf": "from rest_framework.decorators import api_view\n@api_view(['GET'])\ndef f(request): ...",
    "ninja": "from ninja import NinjaAPI\napi = NinjaAPI()\n@api.post('/x')\ndef f(request): ...",
    "signal": "from django.dispatch import receiver\nfrom django.db.models.signals import post_save\n@receiver(post_save)\n"
    "def f(sender, **kw): ...",
    "signal connect": "from django.db.models.signals import post_save\ndef f(sender, **kw): ...\npost_save.connect(f)",
    "socketio": "import socketio\nsio = socketio.AsyncServer()\n@sio.on('x')\nasync def f(sid, data): ...",
    "flask socketio": "from flask_socketio import SocketIO\nsio = SocketIO()\n@sio.on('x')\ndef f(data): ...",
    "socketio event": "import socketio\nsio = socketio.AsyncServer()\n@sio.event\nasync def f(sid): ...",
    "strawberry": "import strawberry\n@strawberry.mutation\nasync def f() -> int: ...",
    "nested in a factory": "from flask import Flask\ndef create_app():\n    app = Flask('a')\n    @app.route('/x')\n"
    "    def f(): ...\n    return app",
}
FALCON = """from falcon import App
class Item:
    def on_get(self, req, resp): ...
app = App()
app.add_route("/x", Item())"""
GRPC = "import shop_pb2_grpc\nclass Shop(shop_pb2_grpc.ShopServicer):\n    def Buy(self, request, context): ..."
REGISTERED = {
    "a method as an endpoint": (
        (
            "from fastapi import APIRouter\nclass Api:\n    def __init__(self):\n        self.router = APIRouter()\n"
            "        self.router.add_api_route('/x', self.count)\n    def count(self): ..."
        ),
        "Api.count",
    ),
    "made on the spot": (
        (
            "from fastapi import APIRouter\nrouter = APIRouter()\ndef make(config):\n    async def view(): ...\n    return view\n"
            "router.add_api_route('/x', make(1))"
        ),
        "make.<locals>.view",
    ),
    "decorated by hand": ("from fastapi import FastAPI\napp = FastAPI()\ndef f(): ...\napp.get('/x')(f)", "f"),
    "given what it depends on": ("from fastapi import Depends\nfrom shop import db\nasync def f(id: int, rows=Depends(db)): ...", "f"),
    "aiohttp by its method": (
        (
            "from aiohttp import web\nclass Api:\n    def __init__(self):\n        self.app = web.Application()\n"
            "        self.app.router.add_route('GET', '/x', self.show)\n    async def show(self, request): ..."
        ),
        "Api.show",
    ),
    "sanic by its function": ("from sanic import Sanic\napp = Sanic('a')\nasync def f(request): ...\napp.add_route(f, '/x')", "f"),
    "gradio": ("import gradio as gr\ndef f(text): ...\nbutton = gr.Button()\nbutton.click(f, None, None)", "f"),
    "nicegui": ("from nicegui import ui\nasync def f(): ...\nui.button('x', on_click=f)", "f"),
    "falcon": (FALCON, "Item.on_get"),
    "grpc": (GRPC, "Shop.Buy"),
    "pyramid": ("from pyramid.view import view_config\n@view_config(route_name='x')\ndef f(request): ...", "f"),
    "a service of the project's own": (
        ("from cornice import Service as Base\nclass Service(Base): ...\nx = Service(name='x')\n@x.get()\ndef f(request): ..."),
        "f",
    ),
    "a helper that registers": (
        (
            "from flask import Blueprint\nbp = Blueprint('a', 'b')\ndef routed(path):\n    def decorator(f):\n"
            "        return bp.route(path + '.view')(f)\n    return decorator\n@routed('/x')\ndef f(): ..."
        ),
        "f",
    ),
    "a class in a branch": (
        (
            "try:\n    from tornado.web import RequestHandler\n    there = True\nexcept ImportError:\n    there = False\nif there:\n"
            "    class H(RequestHandler):\n        def get(self): ...\nelse:\n    class H: ..."
        ),
        "H.get",
    ),
}
METHODS = {
    "django view": ("from django.views import View", "View", "post"),
    "django form view": ("from django.views.generic import FormView", "FormView", "form_valid"),
    "drf viewset": ("from rest_framework import viewsets", "viewsets.ModelViewSet", "perform_create"),
    "drf api view": ("from rest_framework.views import APIView", "APIView", "get"),
    "flask method view": ("from flask.views import MethodView", "MethodView", "post"),
    "flask restful": ("from flask_restful import Resource", "Resource", "get"),
    "tornado": ("import tornado.web", "tornado.web.RequestHandler", "get"),
    "starlette endpoint": ("from starlette.endpoints import HTTPEndpoint", "HTTPEndpoint", "get"),
    "litestar": ("from litestar import Controller", "Controller", "list_items"),
    "admin": ("from django.contrib import admin", "admin.ModelAdmin", "save_model"),
    "graphene": ("import graphene", "graphene.Mutation", "mutate"),
    "socketio": ("import socketio", "socketio.AsyncNamespace", "on_chat"),
}


@pytest.mark.parametrize("name", HANDLERS)
def test_functions_that_answer_requests(name: str) -> None:
    assert role(HANDLERS[name], "create_app.<locals>.f" if name.split()[-1] == "factory" and "nested" in name else "f") is Role.HANDLER


@pytest.mark.parametrize("name", METHODS)
def test_methods_that_answer_requests(name: str) -> None:
    line, base, method = METHODS[name]
    assert (
        role(f"{line}\nclass Base({base}): ...\nclass Shop(Base):\n    def {method}(self, request): ...", f"Shop.{method}") is Role.HANDLER
    )


@pytest.mark.parametrize("name", REGISTERED)
def test_functions_that_are_registered_in_other_ways(name: str) -> None:
    code, function = REGISTERED[name]
    assert role(code, function) is Role.HANDLER


def test_routes_and_bases_of_other_files_count() -> None:
    sources = {
        "app/views.py": "def f(request): ...\nclass Shop(Base): ...",
        "app/urls.py": "from django.urls import path\nfrom . import views\nurlpatterns = [path('x', views.f)]",
    }
    assert role(sources, "f", "app/views.py") is Role.HANDLER
    sources = {
        "app/main.py": "from .base import Base\nclass Shop(Base):\n    def post(self, x): ...",
        "app/base.py": "from django.views import View\nclass Base(View): ...",
    }
    assert role(sources, "Shop.post") is Role.HANDLER
    sources = {
        "app/main.py": "class Shop(Base):\n    def go(self): ...\n",
        "app/urls.py": "from aiohttp import web\nfrom app.handlers import f\ndef add(app: web.Application):\n"
        "    app.router.add_post('/x', f)",
        "app/handlers.py": "async def f(request): ...",
    }
    assert role(sources, "f", "app/handlers.py") is Role.HANDLER


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("from fastapi import FastAPI\napp = FastAPI()\n@app.on_event('startup')\nasync def f(): ...", "f"),
        (
            (
                "from contextlib import asynccontextmanager\nfrom fastapi import FastAPI\n@asynccontextmanager\nasync def f(app):\n"
                "    yield\napp = FastAPI(lifespan=f)"
            ),
            "f",
        ),
        ("from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def lifespan(app):\n    yield\n", "lifespan"),
        ("from starlette.applications import Starlette\ndef f(): ...\napp = Starlette(on_startup=[f])", "f"),
        ("from django.apps import AppConfig\nclass Shop(AppConfig):\n    def ready(self): ...", "Shop.ready"),
        ("from flask import Flask\ndef create_app():\n    return Flask('a')", "create_app"),
        ("from quart import Quart\napp = Quart('a')\n@app.before_serving\nasync def f(): ...", "f"),
        ("from sanic import Sanic\napp = Sanic('a')\n@app.listener('before_server_start')\nasync def f(app, loop): ...", "f"),
        ("from flask import Flask\napp = Flask('a')\nrun()\n", "<module>"),
        ("from aiohttp import web\nasync def f(app): ...\napp = web.Application()\napp.on_startup.append(f)", "f"),
        ("from fastapi import FastAPI\napp = FastAPI()\nasync def f(): ...\napp.add_event_handler('startup', f)", "f"),
        (
            (
                "from aiohttp import web\nclass Api:\n    def __init__(self):\n        self.app = web.Application()\n"
                "        self.app.on_startup.append(self.begin)\n    async def begin(self, app): ..."
            ),
            "Api.begin",
        ),
    ],
)
def test_code_that_runs_when_a_web_process_starts(code: str, name: str) -> None:
    assert role(code, name) is Role.STARTUP


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("from fastapi import FastAPI, WebSocket\napp = FastAPI()\n@app.websocket('/x')\nasync def f(ws): ...", "f"),
        ("from fastapi import WebSocket\nasync def f(ws: WebSocket): ...", "f"),
        (
            (
                "from starlette.responses import StreamingResponse\nasync def f():\n    yield 1\ndef view():\n"
                "    return StreamingResponse(f())"
            ),
            "f",
        ),
        (
            (
                "from fastapi import FastAPI\nfrom sse_starlette import EventSourceResponse\napp = FastAPI()\n@app.get('/x')\n"
                "async def view():\n    async def gen():\n        yield 1\n    return EventSourceResponse(gen())"
            ),
            "view.<locals>.gen",
        ),
        (
            (
                "from channels.generic.websocket import AsyncWebsocketConsumer\nclass Chat(AsyncWebsocketConsumer):\n"
                "    async def receive(self, text): ..."
            ),
            "Chat.receive",
        ),
    ],
)
def test_code_that_lives_as_long_as_a_stream(code: str, name: str) -> None:
    assert role(code, name) is Role.STREAM


@pytest.mark.parametrize(
    "code",
    [
        "from mainspring import task\n@task\ndef f(): ...",
        "from mainspring import service\n@service(restart='always')\nasync def f(ctx): ...",
        "from celery import shared_task\n@shared_task\ndef f(): ...",
        "from celery import Celery\napp = Celery()\n@app.task(bind=True)\ndef f(self): ...",
        "import dramatiq\n@dramatiq.actor\ndef f(): ...",
        "from huey import RedisHuey\nhuey = RedisHuey()\n@huey.task()\ndef f(): ...",
        "from taskiq import InMemoryBroker\nbroker = InMemoryBroker()\n@broker.task\nasync def f(): ...",
    ],
)
def test_bodies_that_an_engine_looks_after(code: str) -> None:
    assert role(code) is Role.TASK


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_shop.py", Role.TEST),
        ("shop/tests.py", Role.TEST),
        ("conftest.py", Role.TEST),
        ("shop/_vendor/lib.py", Role.VENDORED),
        ("third_party/x.py", Role.VENDORED),
        ("shop/migrations/0001_initial.py", Role.MIGRATION),
        ("alembic/versions/ab12.py", Role.MIGRATION),
        ("shop/management/commands/send.py", Role.WORKER),
        ("setup.py", Role.CLI),
        ("shop/first/setup.py", Role.SERVICE),
        ("shop/external/stripe.py", Role.SERVICE),
        ("shop/factories.py", Role.SERVICE),
        ("scripts/load.py", Role.CLI),
        ("manage.py", Role.CLI),
        ("shop/cli.py", Role.CLI),
        ("shop/views.py", Role.SERVICE),
        ("shop/latest.py", Role.SERVICE),
        ("contest/views.py", Role.SERVICE),
        ("shop/versions.py", Role.SERVICE),
        ("shop/protest/views.py", Role.SERVICE),
        ("shop/api/versions/routes.py", Role.SERVICE),
    ],
)
def test_paths_say_what_a_file_is_there_for(path: str, expected: Role) -> None:
    assert role({path: "def f(): ..."}, "f", path) is expected


def test_settings_come_first() -> None:
    project = project_of({"app/jobs.py": "def f(): ..."}, roles=(("app/jobs*", Role.WORKER),))
    file = project.files["app.jobs"]
    assert project.role(file, file.functions[1]) is Role.WORKER
    code = "from flask import Flask\napp = Flask('a')\n@app.route('/x')\ndef f(): ..."
    project = project_of({"app/jobs.py": code}, roles=(("app/*", Role.CLI),))
    file = project.files["app.jobs"]
    assert project.role(file, file.functions[1]) is Role.CLI


def test_a_program_is_a_command_unless_it_serves() -> None:
    guard = "\nif __name__ == '__main__':\n    "
    assert role(f"import argparse\ndef f(): ...{guard}argparse.ArgumentParser()") is Role.CLI
    assert role(f"import uvicorn\ndef f(): ...{guard}uvicorn.run('x:app')") is Role.SERVICE
    tornado = "from tornado.httpserver import HTTPServer\nclass Hub:\n    def start(self):\n        HTTPServer(None).listen(80)"
    assert role(f"{tornado}{guard}Hub().start()", "Hub.start") is Role.SERVICE
    own = "from fastapi import FastAPI\nclass Hub:\n    def __init__(self):\n        self.app = FastAPI()\n    def go(self): ..."
    assert role(f"{own}{guard}Hub().go()", "Hub.go") is Role.SERVICE
    assert role("import click\n@click.command()\ndef f(): ...") is Role.CLI
    assert role("import typer\ncli = typer.Typer()\n@cli.command()\ndef f(): ...") is Role.CLI


def test_a_guard_in_a_file_that_others_import_is_one_way_in() -> None:
    code = "class Printer:\n    def feed(self): ...\n\nif __name__ == '__main__':\n    Printer().feed()"
    assert role({"app/printer.py": code}, "Printer.feed", "app/printer.py") is Role.CLI
    views = "from app.printer import Printer\ndef view(request):\n    Printer().feed()"
    assert role({"app/printer.py": code, "app/views.py": views}, "Printer.feed", "app/printer.py") is Role.SERVICE


def test_a_name_alone_makes_neither_a_worker_nor_a_command() -> None:
    inside = {
        "app/worker.py": "class Worker:\n    def go(self): ...",
        "app/main.py": "from fastapi import FastAPI\nfrom app.worker import Worker\napp = FastAPI()\nWorker().go()",
    }
    assert role(inside, "Worker.go", "app/worker.py") is Role.SERVICE
    assert role({"app/worker.py": inside["app/worker.py"]}, "Worker.go", "app/worker.py") is Role.WORKER
    started = "def work(): ...\nif __name__ == '__main__':\n    work()"
    assert role({"app/worker.py": started}, "work", "app/worker.py") is Role.WORKER
    assert role({"app/commands/buy.py": "class Buy:\n    def run(self): ..."}, "Buy.run", "app/commands/buy.py") is Role.SERVICE
    command = "import argparse\ndef go(): ...\ndef main():\n    argparse.ArgumentParser()"
    assert role({"app/commands/load.py": command}, "go", "app/commands/load.py") is Role.CLI
    chat = "from discord.ext import commands\n@commands.command()\nasync def f(ctx): ..."
    assert role(chat) is Role.SERVICE


def test_what_only_commands_call_is_theirs() -> None:
    sources = {
        "app/cli.py": "from app.load import load\ndef import_orders():\n    load()",
        "app/load.py": "def load():\n    fetch()\ndef fetch(): ...",
    }
    assert role(sources, "load", "app/load.py") is Role.CLI
    assert role(sources, "fetch", "app/load.py") is Role.CLI
    serving = {**sources, "app/cli.py": "from app.load import load\ndef serve():\n    load()"}
    assert role(serving, "load", "app/load.py") is Role.SERVICE
    sources["app/views.py"] = "from app.load import load\ndef view(request):\n    return load()"
    assert role(sources, "load", "app/load.py") is Role.SERVICE
    handed = {**sources, "app/views.py": "from app import load\ndef view(request):\n    return later(load.load)"}
    assert role(handed, "load", "app/load.py") is Role.SERVICE


def test_an_engine_has_decorators_that_define_no_work() -> None:
    assert role("from prefect import flow\n@flow\ndef f(): ...") is Role.TASK
    assert role("from prefect.utilities import traced\n@traced\ndef f(): ...") is Role.SERVICE
    assert role("from temporalio import activity\n@activity.defn\nasync def f(): ...") is Role.TASK
    assert role("from celery.signals import worker_ready\n@worker_ready.connect\ndef f(sender, **kw): ...") is Role.WORKER


def test_what_a_factory_only_defines_runs_later() -> None:
    code = "from flask import Flask\ndef create_app():\n    def later(): ...\n    def now(): ...\n    now()\n    return Flask('a')"
    assert role(code, "create_app.<locals>.later") is Role.SERVICE
    assert role(code, "create_app.<locals>.now") is Role.STARTUP


def test_nested_functions_are_there_for_what_is_around_them() -> None:
    code = "from fastapi import FastAPI\napp = FastAPI()\n@app.post('/x')\nasync def f():\n    def g(): ...\n    return (lambda: 1)"
    assert role(code, "f.<locals>.g") is Role.HANDLER
    assert role(code, "f.<locals>.<lambda:6:13>") is Role.HANDLER
