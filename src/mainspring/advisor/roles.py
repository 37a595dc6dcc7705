"""What a piece of code is there for: tables of paths, decorators, base classes and registrations. `places` asks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from mainspring.advisor.finding import Role
from mainspring.advisor.patterns import pattern
from mainspring.advisor.settings import Settings
from mainspring.advisor.tables import names, words

# Paths

_PATHS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        Role.VENDORED,
        pattern(r"(^|/)(_?vendor(ed|s)?|third_?party|node_modules|site-packages|dist-packages|externs?|\.?venv|\.tox|\.git)(/|$)"),
    ),
    (
        Role.TEST,
        pattern(r"(^|/)(tests?|testing|e2e|__tests__|test_\w+)(/|$)|(^|/)(test_[^/]*|[^/]*_tests?|conftest|tests)\.py$"),
    ),
    (Role.MIGRATION, pattern(r"(^|/)(migrations|alembic)/([^/]+/)*[^/]+\.py$|(^|/)versions/(\w*\d\w*_[^/]*|[0-9a-f]{8,}[^/]*)\.py$")),
    (
        Role.WORKER,
        pattern(r"(^|/)management/commands/|(^|/)(celery_?worker|consumers?_?main|run_?worker)\.py$|(^|/)workers?/__main__\.py$"),
    ),
    (
        Role.CLI,
        pattern(
            r"(^|/)(scripts?|bin|hack|dev|benchmarks?|examples?|docs?|cli)(/|$)"
            r"|(^|/)(manage|cli|__main__|gunicorn\.conf)\.py$|^(setup|fabfile|noxfile)\.py$"
        ),
    ),
)
_PROGRAMS: tuple[tuple[Role, re.Pattern[str]], ...] = (  # names that say so of a program only: bots and use cases have commands as well
    (Role.WORKER, pattern(r"(^|/)workers?\.py$")),
    (Role.CLI, pattern(r"(^|/)commands?(/|\.py$)")),
)


def role_of_path(path: str, settings: Settings) -> Role | None:
    """Return the role that a path alone gives, None where the code decides. What the project's settings say comes first."""
    return given_role(path, settings) or next((role for role, pattern in _PATHS if pattern.search(path)), None)


def role_of_program(path: str) -> Role | None:
    """Return the role that a path gives to a file that is started by itself or that reads a command line."""
    return next((role for role, pattern in _PROGRAMS if pattern.search(path)), None)


def given_role(path: str, settings: Settings) -> Role | None:
    """Return the role that a project's settings give to a path, which nothing in the code changes."""
    for glob, role in settings.roles:
        if fnmatchcase(path, glob):
            return role
    return Role.VENDORED if any(fnmatchcase(path, glob) for glob in settings.vendored) else None


# Decorators

VERBS = names("get post put patch delete head options trace route api_route view add_route action api_operation")
_APPS = words(
    "fastapi. starlette. flask. quart. sanic. litestar. starlite. aiohttp.web. ninja. ninja_extra. falcon. bottle. robyn. blacksheep.",
    "flask_restx. flask_restful. flask_smorest. flask_openapi3. apiflask. connexion. molten. hug. emmett. responder. muffin.",
    "rest_framework. microdot. esmerald. xpresso. quart_schema. gradio. nicegui. chalice. fasthtml. fastmcp. mcp.server. dash. reflex.",
    "pyramid.view. cornice. spyne. nameko.",
)
_NO_ROUTES = names(
    "template_filter context_processor command shell_context_processor url_defaults model doc expect marshal_with setupmethod",
    "template_global template_test url_value_preprocessor",
)
_AROUND_REQUESTS = names("exception_handler errorhandler teardown_appcontext teardown_request")
_STARTUP_EVENTS = names(
    "startup before_server_start after_server_start main_process_start before_serving while_serving on_startup before_first_request",
    "before_startup",
)
_LISTENERS = names("on_event listener on_startup register_listener on")
_PERMITS = names(
    "api_view login_required require_POST require_GET require_http_methods csrf_exempt jwt_required expose http_get http_post",
    "permission_required staff_member_required user_passes_test",
)
_PERMIT_ROOTS = ("rest_framework.decorators.", "django.views.decorators.", "django.contrib.auth.decorators.", "django.contrib.admin.")
_CLI = pattern(r"^(click|typer|rich_click|asyncclick|cyclopts|fire|invoke|flask\.cli|flask_script)\.|\.(cli|commands?)\.command$")
_BOTS = words("discord. nextcord. disnake. telegram. aiogram. pyrogram. telethon. slack_bolt. botbuilder.")
COMMANDS_OF = names("command group callback")
_TASKS = pattern(
    r"(^|\.)(shared_task|periodic_task|db_task|db_periodic_task|actor)$"
    r"|(celery|huey|broker|taskiq|dramatiq|procrastinate)(_app)?\.(task|actor|periodic_task)$"
)
_ENGINES = words(
    "celery. dramatiq. rq. huey. taskiq. arq. procrastinate. django_q. django_tasks. saq. streaq. prefect. airflow. dagster. dbos.",
    "temporalio. hatchet_sdk. inngest. restate.",
)
_DEFINES = names(  # what an engine defines work with: its package has decorators for other ends, too
    "task actor job flow dag step workflow transaction activity scheduled function create_function handler periodic periodic_task",
    "db_task db_periodic_task cron crontab asset multi_asset op graph schedule sensor asset_check asset_sensor durable_task",
)
_WORKER_SIGNALS = words("celery.signals. dramatiq.middleware. huey.signals. taskiq.events.")
_OURS = names("mainspring.task mainspring.service")
_SIGNALS = pattern(r"^(django\.dispatch\.receiver|django\.db\.models\.signals|blinker\.)|\.(connect|connect_via)$")
_GRAPHQL = pattern(r"^strawberry\.(mutation|field|subscription|django)|^ariadne\.|^graphene\.|\.(mutation|subscription)$")
_SOCKETS = pattern(r"^(socketio|flask_socketio|fastapi_socketio)\.|(^|\.)(sio|socketio|socket_io)\.(on|event)$")


def of_decorator(ref: str, args: tuple[str, ...]) -> Role | None:
    """Return the role that a decorator gives, by its canonical name and the texts among its arguments."""
    last = ref.rpartition(".")[2]
    if ref.startswith(_WORKER_SIGNALS):
        return Role.WORKER
    if ref in _OURS or _TASKS.search(ref) or (ref.startswith(_ENGINES) and not _DEFINES.isdisjoint(ref.split("."))):
        return Role.TASK
    if ref.startswith(("contextlib.", "pytest", "functools.")):
        return None
    if _CLI.search(ref) and not ref.startswith(_BOTS):
        return Role.CLI
    if last in _STARTUP_EVENTS or (last in _LISTENERS and any(arg in _STARTUP_EVENTS for arg in args)):
        return Role.STARTUP
    if last in ("on_event", "listener") and args:
        return Role.STARTUP
    if last in ("websocket", "websocket_route", "websocket_listener", "WebsocketListener"):
        return Role.STREAM
    if _SOCKETS.search(ref) and last in ("on", "event", "on_event", "on_namespace"):
        return Role.HANDLER
    if ref.startswith(_APPS) and last not in _NO_ROUTES:
        return Role.FRAMEWORK if last in _AROUND_REQUESTS else Role.HANDLER
    if last in VERBS and args and (args[0] == "" or args[0].startswith("/") or "<" in args[0]):
        return Role.HANDLER
    if last in _PERMITS or ref.startswith(_PERMIT_ROOTS) or _GRAPHQL.search(ref) or _SIGNALS.search(ref):
        return Role.HANDLER
    return None


# Base classes

HANDLER_BASES = words(
    "django.views.generic. django.views.View django.views.generic.base.View rest_framework.views. rest_framework.viewsets.",
    "rest_framework.generics. rest_framework.mixins. flask.views. quart.views. flask_restful.Resource flask_restx.Resource",
    "starlette.endpoints. tornado.web.RequestHandler tornado.websocket. channels.generic. channels.consumer. aiohttp.web.View sanic.views.",
    "litestar.Controller litestar.controller.Controller ninja_extra. graphene.Mutation graphene.relay. graphene.ObjectType falcon.asgi.",
    "django.contrib.admin. wagtail. fastapi_utils.cbv. flask_admin. sqladmin. http.server.BaseHTTPRequestHandler socketio.Namespace",
    "socketio.AsyncNamespace socketio.AsyncClientNamespace jupyter_server.base.handlers. notebook.base.handlers. strawberry_django.",
    "graphene_django. flask_appbuilder. twisted.web.resource.Resource aiohttp.abc.AbstractView nameko.web. cherrypy.Tool",
)
STREAM_BASES = words(
    "channels.generic. channels.consumer. starlette.endpoints.WebSocketEndpoint tornado.websocket.WebSocketHandler",
)
MIDDLEWARE_BASES = words("starlette.middleware.base.BaseHTTPMiddleware django.utils.deprecation.MiddlewareMixin litestar.middleware.")
HANDLER_METHODS = names(
    "get post put patch delete head options dispatch form_valid form_invalid list create retrieve update partial_update destroy",
    "perform_create perform_update perform_destroy mutate mutate_and_get_payload receive receive_json connect disconnect on_message",
    "on_receive on_connect on_disconnect open on_close prepare do_GET do_POST do_PUT do_DELETE save_model delete_model handle",
    "get_queryset get_context_data render_to_response",
)
RESOURCE_METHODS = pattern(r"on_(get|post|put|patch|delete|head|options)(_\w+)?")  # of Falcon, whose resources have no base
REQUESTS = names(
    "django.http.HttpRequest django.http.request.HttpRequest aiohttp.web.Request sanic.Request sanic.request.Request",
    "rest_framework.request.Request",
)
COMMANDS = ("django.core.management.base.BaseCommand", "django.core.management.BaseCommand")
APP_CONFIGS = ("django.apps.AppConfig", "django.apps.config.AppConfig")
TASKS = words("mainspring.Task celery.Task celery.app.task.Task")

# Registrations

REGISTERS: Mapping[str, tuple[int, str]] = {  # what is called: position and keyword of the handler
    "add_url_rule": (2, "view_func"),
    "add_api_route": (1, "endpoint"),
    "add_api_websocket_route": (1, "endpoint"),
    "add_websocket_route": (1, "endpoint"),
    "add_route": (1, "handler"),
    "set_field": (1, "resolver"),
    "Route": (1, "endpoint"),
    "APIRoute": (1, "endpoint"),
    "WebSocketRoute": (1, "endpoint"),
    "path": (1, "view"),
    "re_path": (1, "view"),
    "url": (1, "view"),
    "get": (1, "handler"),
    "post": (1, "handler"),
    "put": (1, "handler"),
    "delete": (1, "handler"),
    "add_get": (1, "handler"),
    "add_post": (1, "handler"),
    "add_put": (1, "handler"),
    "add_patch": (1, "handler"),
    "add_delete": (1, "handler"),
    "add_websocket": (1, "handler"),
    "add_view": (0, "handler"),
    "add_resource": (0, "resource"),
    "route": (1, "handler"),
    "on_event": (1, "handler"),
    "add_namespace": (0, "resource"),
    "connect": (0, "receiver"),
    "register": (1, "viewset"),
    "on": (1, "handler"),
    **dict.fromkeys(names("click submit change upload load select input release blur focus tick clear then success"), (0, "fn")),
    **dict.fromkeys(names("Interface ChatInterface"), (0, "fn")),
}
_ELSEWHERE: tuple[tuple[str, Mapping[str, tuple[int, str]]], ...] = (  # where a framework puts the handler in another place
    ("aiohttp.web.", {"add_route": (2, "handler"), "route": (2, "handler")}),
    ("sanic.", {"add_route": (0, "handler"), "add_websocket_route": (0, "handler")}),
    ("pyramid.", {"add_view": (0, "view")}),
)
OF_PAGES = names("click submit change upload load select input release blur focus tick clear then success Interface ChatInterface")
_REGISTERING = words(
    "flask. quart. fastapi. starlette. django.urls. django.conf.urls aiohttp.web sanic. tornado. litestar. falcon.",
    "rest_framework.routers. django.db.models.signals. django.dispatch. socketio. flask_restful. flask_restx. connexion. pyramid. ariadne.",
)
_UNMISTAKABLE = names("add_url_rule add_api_route add_websocket_route add_api_websocket_route")
MODULE_VERBS = names("get post put delete")  # aiohttp.web.get("/x", f): elsewhere such a name decorates


def registers(ref: str) -> tuple[int, str] | None:
    """Return where a call by this canonical name takes a handler, None where it takes none."""
    last = ref.rpartition(".")[2]
    found = next((places[last] for root, places in _ELSEWHERE if ref.startswith(root) and last in places), REGISTERS.get(last))
    if found is None or (last in MODULE_VERBS and ref != f"aiohttp.web.{last}"):
        return None
    if last in OF_PAGES:
        return found if ref.startswith("gradio.") else None
    return found if last in _UNMISTAKABLE or ref.startswith(_REGISTERING) else None


PAGE_EVENTS = pattern(r"on_(click|change|upload|submit|select|value_change|exception|dismiss|key\w*|multi_upload|dblclick)")


def is_of_a_page(ref: str) -> bool:
    """Say whether a call makes a part of a page, which is told of what a visitor does."""
    return ref.startswith(("nicegui.ui.", "nicegui.elements."))


def is_unmistakable(ref: str) -> bool:
    """Say whether nothing but a web application has a method of this name."""
    return ref.rpartition(".")[2] in _UNMISTAKABLE


# Whole files

WEB = names(
    "fastapi.FastAPI fastapi.APIRouter flask.Flask flask.Blueprint quart.Quart quart.Blueprint starlette.applications.Starlette",
    "sanic.Sanic sanic.Blueprint litestar.Litestar litestar.Router aiohttp.web.Application aiohttp.web.RouteTableDef",
    "tornado.web.Application django.core.wsgi.get_wsgi_application django.core.asgi.get_asgi_application falcon.App falcon.asgi.App",
    "ninja.NinjaAPI ninja.Router robyn.Robyn bottle.Bottle gradio.Blocks nicegui.app",
)
FACTORIES = names(
    "create_app make_app get_app build_app init_app create_application get_application app_factory setup_app make_application",
    "build_application",
)
STREAMS = names(
    "StreamingResponse EventSourceResponse StreamingHttpResponse ASGIStreamingResponse ServerSentEvents Stream stream_with_context",
    "ServerSentEvent",
)
LIFESPANS = names("lifespan on_startup startup cleanup_ctx lifespan_context before_serving")
STARTS = words("startup on_startup before_server_start after_server_start main_process_start cleanup_ctx")
HOOKS = names("add_event_handler on_event register_listener add_startup_handler")
ARGUMENTS = words("argparse.ArgumentParser click.command optparse.OptionParser typer.Typer fire.Fire docopt.docopt")
_SERVERS = words(
    "uvicorn. hypercorn. waitress. gunicorn. granian. daphne. bjoern. cheroot. aiohttp.web.run_app aiohttp.web.AppRunner",
    "aiohttp.web.TCPSite tornado.httpserver. werkzeug.serving. wsgiref.simple_server. http.server. socketserver. gevent.pywsgi.",
    "eventlet.wsgi. cherrypy.engine. cherrypy.quickstart twisted.web.server. grpc.server grpc.aio.server asyncio.start_server",
    "nicegui.ui.run",
)
_SERVING = words(
    "Flask.run Quart.run Sanic.run .run_app SocketIO.run Robyn.start Bottle.run Application.listen .launch_instance .create_server",
)
_SERVE_COMMANDS = pattern(r"(run_?|start_?)?(up|serve|server|web|webserver|api|app|ui|daemon|service)|start|run|main|listen", re.IGNORECASE)


def serves(ref: str) -> bool:
    """Say whether a call binds a web server."""
    return ref.startswith(_SERVERS) or ref.endswith(_SERVING)


SERVER_WORDS = names(
    "uvicorn hypercorn waitress gunicorn granian daphne bjoern cheroot run_app AppRunner TCPSite HTTPServer run_simple make_server pywsgi",
    "WSGIServer TCPServer start_server SocketIO launch_instance create_server listen cherrypy",
)
"""One of these is said where a server is bound."""


def is_one_of_several(ref: str) -> bool:
    """Say whether a call defines a command of a program that has more than one."""
    return ref.endswith(".add_subparsers") or ref.startswith(("click.group", "typer.Typer", "fire.Fire"))


def starts_a_server(name: str) -> bool:
    """Say whether a command of this name starts a server."""
    return bool(_SERVE_COMMANDS.fullmatch(name))
