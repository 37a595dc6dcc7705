"""Clean applications as people begin them, one for each framework: what the checker has to leave alone.

They do everything that applications do beside their answers without leaving anything behind: they await, gather, join, stream, enqueue.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent


def _files(**files: str) -> Mapping[str, str]:
    return {name.replace("__", "/") + ".py": dedent(text).lstrip() for name, text in files.items()}


FASTAPI = _files(
    app__main="""
        import sentry_sdk
        from collections.abc import AsyncIterator
        from contextlib import asynccontextmanager
        from fastapi import FastAPI
        from fastapi.routing import APIRoute
        from starlette.middleware.cors import CORSMiddleware

        from app.api.router import api_router
        from app.core.db import engine
        from app.core.settings import settings


        def unique_id(route: APIRoute) -> str:
            return f"{route.tags[0]}-{route.name}"


        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            if settings.SENTRY_DSN and settings.ENVIRONMENT != "local":
                sentry_sdk.init(dsn=str(settings.SENTRY_DSN), enable_tracing=True)
            yield
            engine.dispose()


        app = FastAPI(title=settings.PROJECT_NAME, generate_unique_id_function=unique_id, lifespan=lifespan)
        app.add_middleware(CORSMiddleware, allow_origins=settings.all_origins, allow_methods=["*"], allow_headers=["*"])
        app.include_router(api_router, prefix="/api/v1")
    """,
    app__core__settings="""
        import secrets
        from typing import Annotated, Any, Literal

        from pydantic import AnyUrl, BeforeValidator, HttpUrl, PostgresDsn, computed_field
        from pydantic_settings import BaseSettings, SettingsConfigDict


        def split(value: Any) -> list[str] | str:
            return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_file="../.env", extra="ignore")
            SECRET_KEY: str = secrets.token_urlsafe(32)
            ACCESS_TOKEN_EXPIRE_MINUTES: int = 60 * 24 * 8
            ENVIRONMENT: Literal["local", "staging", "production"] = "local"
            ORIGINS: Annotated[list[AnyUrl] | str, BeforeValidator(split)] = []
            PROJECT_NAME: str = "Shop"
            SENTRY_DSN: HttpUrl | None = None
            POSTGRES_SERVER: str = "localhost"
            POSTGRES_USER: str = "shop"
            POSTGRES_PASSWORD: str = ""
            SMTP_HOST: str | None = None
            SMTP_PORT: int = 587
            EMAILS_FROM: str = "shop@example.org"

            @computed_field
            @property
            def database(self) -> str:
                return str(PostgresDsn.build(scheme="postgresql", username=self.POSTGRES_USER, host=self.POSTGRES_SERVER))

            @property
            def all_origins(self) -> list[str]:
                return [str(origin).rstrip("/") for origin in self.ORIGINS]


        settings = Settings()
    """,
    app__core__db="""
        from sqlmodel import Session, create_engine, select

        from app import crud
        from app.core.settings import settings
        from app.models import User, UserCreate

        engine = create_engine(settings.database)


        def init_db(session: Session) -> None:
            user = session.exec(select(User).where(User.email == "admin@example.org")).first()
            if user is None:
                crud.create_user(session=session, new=UserCreate(email="admin@example.org", password="changethis"))
    """,
    app__models="""
        import uuid

        from pydantic import EmailStr
        from sqlmodel import Field, Relationship, SQLModel


        class UserCreate(SQLModel):
            email: EmailStr = Field(max_length=255)
            password: str = Field(min_length=8)


        class User(SQLModel, table=True):
            id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
            email: str = Field(unique=True, index=True)
            hashed_password: str
            items: list["Item"] = Relationship(back_populates="owner")


        class ItemCreate(SQLModel):
            title: str
            description: str | None = None


        class Item(SQLModel, table=True):
            id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
            title: str
            description: str | None = None
            status: str = "pending"
            owner_id: uuid.UUID = Field(foreign_key="user.id")
            owner: User | None = Relationship(back_populates="items")
    """,
    app__crud="""
        from typing import Any

        from sqlmodel import Session, select

        from app.core.security import hash_password, verify_password
        from app.models import Item, ItemCreate, User, UserCreate


        def create_user(*, session: Session, new: UserCreate) -> User:
            user = User.model_validate(new, update={"hashed_password": hash_password(new.password)})
            session.add(user)
            session.commit()
            session.refresh(user)
            return user


        def authenticate(*, session: Session, email: str, password: str) -> User | None:
            user = session.exec(select(User).where(User.email == email)).first()
            return user if user and verify_password(password, user.hashed_password) else None


        def create_item(*, session: Session, new: ItemCreate, owner_id: Any) -> Item:
            item = Item.model_validate(new, update={"owner_id": owner_id})
            session.add(item)
            session.commit()
            session.refresh(item)
            return item
    """,
    app__core__security="""
        from datetime import datetime, timedelta, timezone
        from typing import Any

        import jwt
        from passlib.context import CryptContext

        from app.core.settings import settings

        hashes = CryptContext(schemes=["bcrypt"], deprecated="auto")


        def create_access_token(subject: str | Any, expires_delta: timedelta) -> str:
            expire = datetime.now(timezone.utc) + expires_delta
            return jwt.encode({"exp": expire, "sub": str(subject)}, settings.SECRET_KEY, algorithm="HS256")


        def verify_password(plain: str, hashed: str) -> bool:
            return hashes.verify(plain, hashed)


        def hash_password(password: str) -> str:
            return hashes.hash(password)
    """,
    app__api__deps="""
        from collections.abc import Generator
        from typing import Annotated

        import jwt
        from fastapi import Depends, HTTPException
        from fastapi.security import OAuth2PasswordBearer
        from sqlmodel import Session

        from app.core.db import engine
        from app.core.settings import settings
        from app.models import User

        reusable = OAuth2PasswordBearer(tokenUrl="/api/v1/login/access-token")


        def get_db() -> Generator[Session, None, None]:
            with Session(engine) as session:
                yield session


        SessionDep = Annotated[Session, Depends(get_db)]
        TokenDep = Annotated[str, Depends(reusable)]


        def get_current_user(session: SessionDep, token: TokenDep) -> User:
            try:
                payload = jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"])
            except jwt.InvalidTokenError:
                raise HTTPException(status_code=403, detail="Could not validate credentials")
            user = session.get(User, payload["sub"])
            if user is None:
                raise HTTPException(status_code=404, detail="User not found")
            return user


        CurrentUser = Annotated[User, Depends(get_current_user)]
    """,
    app__api__router="""
        from fastapi import APIRouter

        from app.api.routes import exports, items, login, utils

        api_router = APIRouter()
        api_router.include_router(login.router)
        api_router.include_router(items.router)
        api_router.include_router(exports.router)
        api_router.include_router(utils.router)
    """,
    app__api__routes__login="""
        from datetime import timedelta
        from typing import Annotated

        from fastapi import APIRouter, Depends, HTTPException
        from fastapi.security import OAuth2PasswordRequestForm

        from app import crud
        from app.api.deps import SessionDep
        from app.core import security
        from app.core.settings import settings
        from app.mail import reset_mail, send_mail

        router = APIRouter(tags=["login"])


        @router.post("/login/access-token")
        def login(session: SessionDep, form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str]:
            user = crud.authenticate(session=session, email=form.username, password=form.password)
            if not user:
                raise HTTPException(status_code=400, detail="Incorrect email or password")
            expires = timedelta(minutes=settings.ACCESS_TOKEN_EXPIRE_MINUTES)
            return {"access_token": security.create_access_token(user.id, expires_delta=expires)}


        @router.post("/password-recovery/{email}")
        def recover(email: str) -> dict[str, str]:
            mail = reset_mail(email)
            send_mail(email_to=email, subject=mail.subject, html=mail.html)
            return {"message": "Password recovery email sent"}
    """,
    app__api__routes__items="""
        import uuid
        from typing import Any

        from fastapi import APIRouter, BackgroundTasks, HTTPException
        from sqlmodel import func, select

        from app import crud
        from app.api.deps import CurrentUser, SessionDep
        from app.models import Item, ItemCreate

        router = APIRouter(prefix="/items", tags=["items"])


        @router.get("/")
        def read_items(session: SessionDep, user: CurrentUser, skip: int = 0, limit: int = 100) -> Any:
            count = session.exec(select(func.count()).select_from(Item)).one()
            items = session.exec(select(Item).where(Item.owner_id == user.id).offset(skip).limit(limit)).all()
            return {"data": items, "count": count}


        @router.post("/")
        def create_item(*, session: SessionDep, user: CurrentUser, new: ItemCreate, background_tasks: BackgroundTasks) -> Any:
            return crud.create_item(session=session, new=new, owner_id=user.id)


        @router.delete("/{id}")
        def delete_item(session: SessionDep, user: CurrentUser, id: uuid.UUID) -> dict[str, str]:
            item = session.get(Item, id)
            if item is None:
                raise HTTPException(status_code=404, detail="Item not found")
            session.delete(item)
            session.commit()
            return {"message": "Item deleted"}
    """,
    app__api__routes__exports="""
        import asyncio
        import os
        import tempfile
        import uuid

        import httpx
        from fastapi import APIRouter, WebSocket, WebSocketDisconnect
        from fastapi.responses import FileResponse, StreamingResponse
        from starlette.background import BackgroundTask
        from starlette.concurrency import run_in_threadpool

        from app.api.deps import CurrentUser
        from app.tasks import export_items

        router = APIRouter(prefix="/exports", tags=["exports"])


        @router.post("/", status_code=202)
        async def start_export(user: CurrentUser) -> dict[str, str]:
            run = await export_items.options(key=f"export:{user.id}").enqueue(user_id=str(user.id))
            return {"run": str(run.id)}


        @router.get("/prices")
        async def prices(symbols: str) -> list[float]:
            async with httpx.AsyncClient(timeout=5) as client, asyncio.TaskGroup() as group:
                tasks = [group.create_task(client.get(f"https://prices.example.org/{each}")) for each in symbols.split(",")]
            return [task.result().json()["price"] for task in tasks]


        @router.get("/archive")
        async def archive() -> FileResponse:
            handle, path = tempfile.mkstemp(suffix=".zip")
            os.close(handle)
            await run_in_threadpool(os.utime, path)
            return FileResponse(path, background=BackgroundTask(os.unlink, path))


        @router.get("/{id}/events")
        async def events(id: uuid.UUID) -> StreamingResponse:
            async def lines():
                heartbeat = asyncio.create_task(asyncio.sleep(15))
                try:
                    while True:
                        await asyncio.wait({heartbeat}, timeout=1)
                        yield ": still there\\n\\n"
                        if heartbeat.done():
                            break
                finally:
                    heartbeat.cancel()

            return StreamingResponse(lines(), media_type="text/event-stream")


        @router.websocket("/live")
        async def live(socket: WebSocket) -> None:
            await socket.accept()
            queue: asyncio.Queue[str] = asyncio.Queue(maxsize=100)

            async def forward() -> None:
                while True:
                    await socket.send_text(await queue.get())

            sender = asyncio.create_task(forward())
            try:
                while True:
                    queue.put_nowait(await socket.receive_text())
            except WebSocketDisconnect:
                pass
            finally:
                sender.cancel()
    """,
    app__api__routes__utils="""
        from fastapi import APIRouter

        router = APIRouter(prefix="/utils", tags=["utils"])


        @router.get("/health-check/")
        async def health_check() -> bool:
            return True
    """,
    app__tasks="""
        import csv
        import io

        from sqlmodel import Session, select

        from mainspring import Context, Retry, cron, task

        from app.core.db import engine
        from app.models import Item


        @task(timeout="10m", retry=Retry(3), dedupe="export:{user_id}")
        async def export_items(ctx: Context, user_id: str) -> str:
            out = io.StringIO()
            with Session(engine) as session:
                for item in session.exec(select(Item).where(Item.owner_id == user_id)):
                    csv.writer(out).writerow([item.title, item.description])
            return out.getvalue()


        @task(schedule=cron("20 4 * * *", tz="Europe/Berlin", name="forget"), timeout="5m", overlap="skip")
        async def forget_old_items() -> int:
            with Session(engine) as session:
                old = session.exec(select(Item).where(Item.description == "old")).all()
                for item in old:
                    session.delete(item)
                session.commit()
            return len(old)
    """,
    app__mail="""
        import logging
        from dataclasses import dataclass

        import emails

        from app.core.settings import settings

        logger = logging.getLogger(__name__)


        @dataclass
        class Mail:
            html: str
            subject: str


        def reset_mail(email: str) -> Mail:
            return Mail(html=f"<p>{email}</p>", subject="Password recovery")


        def send_mail(*, email_to: str, subject: str = "", html: str = "") -> None:
            message = emails.Message(subject=subject, html=html, mail_from=settings.EMAILS_FROM)
            response = message.send(to=email_to, smtp={"host": settings.SMTP_HOST, "port": settings.SMTP_PORT})
            logger.info("send email result: %s", response)
    """,
    app__backend_pre_start="""
        import logging

        from sqlalchemy import Engine
        from sqlmodel import Session, select
        from tenacity import retry, stop_after_attempt, wait_fixed

        from app.core.db import engine

        logger = logging.getLogger(__name__)


        @retry(stop=stop_after_attempt(60 * 5), wait=wait_fixed(1))
        def init(db_engine: Engine) -> None:
            with Session(db_engine) as session:
                session.exec(select(1))


        def main() -> None:
            logger.info("Initializing service")
            init(engine)


        if __name__ == "__main__":
            main()
    """,
    scripts__load="""
        import concurrent.futures
        import subprocess
        import sys
        import threading
        import time


        def main() -> None:
            server = subprocess.Popen([sys.executable, "-m", "uvicorn", "app.main:app"])
            watcher = threading.Thread(target=server.wait, daemon=True)
            watcher.start()
            with concurrent.futures.ThreadPoolExecutor() as pool:
                for _ in range(100):
                    pool.submit(time.sleep, 0.1)
            while True:
                time.sleep(1)


        if __name__ == "__main__":
            main()
    """,
)

FLASK = _files(
    shop__application="""
        from flask import Flask

        from shop.extensions import db, migrate
        from shop.views import bp


        def create_app(config: str = "shop.settings.Production") -> Flask:
            app = Flask(__name__)
            app.config.from_object(config)
            db.init_app(app)
            migrate.init_app(app, db)
            app.register_blueprint(bp)

            @app.teardown_appcontext
            def forget(error: BaseException | None = None) -> None:
                db.session.remove()

            return app
    """,
    shop__extensions="""
        from flask_migrate import Migrate
        from flask_sqlalchemy import SQLAlchemy

        db = SQLAlchemy()
        migrate = Migrate()
    """,
    shop__models="""
        from shop.extensions import db


        class Order(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            email = db.Column(db.String, nullable=False)
            status = db.Column(db.String, default="pending")
    """,
    shop__tasks="""
        import smtplib
        from email.message import EmailMessage

        from mainspring import Retry, task


        @task(timeout="1m", retry=Retry(5), dedupe="confirm:{order_id}")
        def confirm(order_id: int, email: str) -> None:
            message = EmailMessage()
            message["To"], message["Subject"] = email, f"Order {order_id}"
            with smtplib.SMTP("mail.example.org", timeout=10) as server:
                server.send_message(message)
    """,
    shop__views="""
        import concurrent.futures
        import subprocess

        import requests
        from flask import Blueprint, Response, current_app, jsonify, request, stream_with_context

        from shop.extensions import db
        from shop.models import Order
        from shop.tasks import confirm
        from shop.work import work

        bp = Blueprint("shop", __name__)


        @bp.route("/orders", methods=["POST"])
        def order() -> tuple[Response, int]:
            new = Order(email=request.json["email"])
            db.session.add(new)
            db.session.commit()
            run = work.blocking.enqueue(confirm, order_id=new.id, email=new.email)
            return jsonify(id=new.id, run=str(run.id)), 202


        @bp.route("/orders/pending")
        def pending() -> Response:
            return jsonify([each.id for each in Order.query.filter_by(status="pending").limit(100)])


        @bp.route("/rates")
        def rates() -> Response:
            urls = [f"https://rates.example.org/{each}" for each in ("EUR", "PLN")]
            with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
                found = list(pool.map(lambda url: requests.get(url, timeout=3).json(), urls))
            return jsonify(found)


        @bp.route("/version")
        def version() -> str:
            done = subprocess.run(["git", "describe"], capture_output=True, text=True, timeout=5, check=True)
            return done.stdout


        @bp.route("/orders.csv")
        def export() -> Response:
            def lines():
                for each in Order.query.yield_per(500):
                    yield f"{each.id},{each.email}\\n"

            return Response(stream_with_context(lines()), mimetype="text/csv")


        @bp.errorhandler(404)
        def missing(error: Exception) -> tuple[str, int]:
            current_app.logger.info("missing: %s", error)
            return "not found", 404
    """,
    shop__work="""
        from mainspring import Mainspring

        from shop.tasks import confirm

        work = Mainspring("sqlite:///work.db", tasks=[confirm])
    """,
    wsgi="""
        from shop.application import create_app

        app = create_app()
    """,
)

DJANGO = _files(
    manage="""
        import os
        import sys


        def main() -> None:
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "website.settings")
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)


        if __name__ == "__main__":
            main()
    """,
    website__settings="""
        INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "mainspring.django", "blog"]
        ROOT_URLCONF = "website.urls"
        DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "blog"}}
        USE_TZ = True
    """,
    website__urls="""
        from django.urls import include, path

        urlpatterns = [path("blog/", include("blog.urls"))]
    """,
    blog__apps="""
        from django.apps import AppConfig


        class BlogConfig(AppConfig):
            name = "blog"

            def ready(self) -> None:
                from blog import signals  # noqa: F401
    """,
    blog__models="""
        from django.db import models


        class Post(models.Model):
            title = models.CharField(max_length=200)
            body = models.TextField()
            status = models.CharField(max_length=20, default="draft")
            published_at = models.DateTimeField(null=True)

            class Meta:
                ordering = ["-published_at"]
    """,
    blog__tasks="""
        from mainspring import Retry, every, task


        @task(timeout="2m", retry=Retry(5), dedupe="index:{post_id}")
        def index_post(post_id: int) -> None:
            from blog.models import Post
            from blog.search import write

            write(Post.objects.get(pk=post_id))


        @task(schedule=every("1h", name="sessions"), timeout="5m", overlap="skip")
        def clear_sessions() -> int:
            from django.contrib.sessions.models import Session
            from django.utils import timezone

            return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]
    """,
    blog__search="""
        import httpx
        from django.conf import settings

        from blog.models import Post


        def write(post: Post) -> None:
            url = f"{settings.SEARCH_URL}/posts/{post.pk}"
            httpx.put(url, json={"title": post.title, "body": post.body}, timeout=10).raise_for_status()
    """,
    blog__signals="""
        from functools import partial

        from django.core.cache import cache
        from django.db import transaction
        from django.db.models.signals import post_save
        from django.dispatch import receiver

        from blog.models import Post
        from blog.tasks import index_post
        from website.work import work


        @receiver(post_save, sender=Post)
        def post_saved(sender, instance, created, **kwargs):
            cache.delete("front")
            transaction.on_commit(partial(work.blocking.enqueue, index_post, post_id=instance.pk))
    """,
    website__work="""
        from mainspring import Mainspring

        from blog.tasks import clear_sessions, index_post

        work = Mainspring("postgresql:///blog", tasks=[clear_sessions, index_post])
    """,
    blog__views="""
        from django.db import transaction
        from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
        from django.shortcuts import get_object_or_404, redirect
        from django.utils import timezone
        from django.views import View
        from django.views.generic import ListView

        from blog.models import Post


        class PostList(ListView):
            model = Post
            paginate_by = 20


        class Publish(View):
            def post(self, request: HttpRequest, pk: int) -> HttpResponse:
                with transaction.atomic():
                    post = Post.objects.select_for_update().get(pk=pk)
                    post.status, post.published_at = "published", timezone.now()
                    post.save(update_fields=["status", "published_at"])
                return redirect("post", pk=pk)


        async def latest(request: HttpRequest) -> JsonResponse:
            return JsonResponse([post.title async for post in Post.objects.all()[:10]], safe=False)


        def export(request: HttpRequest) -> StreamingHttpResponse:
            return StreamingHttpResponse((f"{each.title}\\n" for each in Post.objects.iterator()), content_type="text/plain")


        def picture(request: HttpRequest, pk: int) -> FileResponse:
            post = get_object_or_404(Post, pk=pk)
            return FileResponse(open(f"/srv/pictures/{post.pk}.png", "rb"))
    """,
    blog__urls="""
        from django.urls import path

        from blog import views

        urlpatterns = [
            path("", views.PostList.as_view(), name="posts"),
            path("<int:pk>/publish", views.Publish.as_view(), name="publish"),
            path("latest", views.latest),
            path("export", views.export),
        ]
    """,
    blog__consumers="""
        from channels.generic.websocket import AsyncJsonWebsocketConsumer


        class PostConsumer(AsyncJsonWebsocketConsumer):
            async def connect(self) -> None:
                await self.channel_layer.group_add("posts", self.channel_name)
                await self.accept()

            async def disconnect(self, code: int) -> None:
                await self.channel_layer.group_discard("posts", self.channel_name)

            async def receive_json(self, content, **kwargs) -> None:
                await self.channel_layer.group_send("posts", {"type": "post.changed", "id": content["id"]})

            async def post_changed(self, event) -> None:
                await self.send_json(event)
    """,
    blog__management__commands__backfill="""
        import time

        from django.core.management.base import BaseCommand

        from blog.models import Post


        class Command(BaseCommand):
            def handle(self, *args, **options) -> None:
                while True:
                    batch = list(Post.objects.filter(body="")[:500])
                    if not batch:
                        break
                    for post in batch:
                        post.body = "-"
                    Post.objects.bulk_update(batch, ["body"])
                    time.sleep(0.5)
    """,
    blog__migrations__0001_initial="""
        from django.db import migrations, models


        class Migration(migrations.Migration):
            initial = True
            operations = [migrations.CreateModel(name="Post", fields=[("id", models.BigAutoField(primary_key=True))])]
    """,
)

LITESTAR = _files(
    src__board__asgi="""
        from litestar import Litestar

        from board.controllers import CardController, TeamController
        from board.db import alchemy
        from board.lifecycle import on_shutdown, on_startup

        app = Litestar(
            route_handlers=[CardController, TeamController],
            plugins=[alchemy],
            on_startup=[on_startup],
            on_shutdown=[on_shutdown],
        )
    """,
    src__board__db="""
        from advanced_alchemy.extensions.litestar import AsyncSessionConfig, SQLAlchemyAsyncConfig, SQLAlchemyPlugin

        alchemy = SQLAlchemyPlugin(
            config=SQLAlchemyAsyncConfig(
                connection_string="postgresql+asyncpg:///board", session_config=AsyncSessionConfig(expire_on_commit=False), create_all=True
            )
        )
    """,
    src__board__lifecycle="""
        import httpx
        from litestar import Litestar
        from litestar.datastructures import State

        from board.work import work


        async def on_startup(app: Litestar) -> None:
            app.state.client = httpx.AsyncClient(timeout=10)
            await work.__aenter__()


        async def on_shutdown(app: Litestar) -> None:
            await work.__aexit__(None, None, None)
            await app.state.client.aclose()


        def provide_client(state: State) -> httpx.AsyncClient:
            return state.client
    """,
    src__board__work="""
        from mainspring import Mainspring

        from board.tasks import remind

        work = Mainspring("postgresql:///board", tasks=[remind])
    """,
    src__board__tasks="""
        import httpx

        from mainspring import Retry, task


        @task(timeout="30s", retry=Retry(4), dedupe="remind:{card_id}")
        async def remind(card_id: int) -> None:
            async with httpx.AsyncClient(timeout=10) as client:
                (await client.post("https://mail.example.org/send", json={"card": card_id})).raise_for_status()
    """,
    src__board__controllers="""
        import asyncio
        from collections.abc import AsyncGenerator

        import httpx
        from litestar import Controller, Response, WebSocket, get, post, websocket
        from litestar.background_tasks import BackgroundTask
        from litestar.di import Provide
        from litestar.exceptions import NotFoundException
        from litestar.response import ServerSentEvent
        from sqlalchemy import select
        from sqlalchemy.ext.asyncio import AsyncSession

        from board.lifecycle import provide_client
        from board.models import Card
        from board.tasks import remind


        class CardController(Controller):
            path = "/cards"
            dependencies = {"client": Provide(provide_client, sync_to_thread=False)}

            @get("/")
            async def cards(self, db_session: AsyncSession) -> list[Card]:
                return list(await db_session.scalars(select(Card)))

            @get("/{card_id:int}")
            async def card(self, db_session: AsyncSession, card_id: int) -> Card:
                card = await db_session.get(Card, card_id)
                if card is None:
                    raise NotFoundException
                return card

            @post("/{card_id:int}/remind", status_code=202)
            async def remind_of(self, card_id: int) -> dict[str, str]:
                run = await remind.options(delay="1h", key=f"remind:{card_id}").enqueue(card_id=card_id)
                return {"run": str(run.id)}

            @get("/weather")
            async def weather(self, client: httpx.AsyncClient) -> list[dict[str, object]]:
                answers = await asyncio.gather(*(client.get(f"https://weather.example.org/{city}") for city in ("bern", "graz")))
                return [each.json() for each in answers]

            @get("/ticks")
            async def ticks(self) -> ServerSentEvent:
                async def count() -> AsyncGenerator[str, None]:
                    for number in range(60):
                        yield str(number)
                        await asyncio.sleep(1)

                return ServerSentEvent(count())


        class TeamController(Controller):
            path = "/teams"

            @websocket("/live")
            async def live(self, socket: WebSocket) -> None:
                await socket.accept()
                async for text in socket.iter_text():
                    await socket.send_text(text)

            @get("/count")
            async def count(self) -> Response[int]:
                return Response(3, background=None)
    """,
    src__board__models="""
        from advanced_alchemy.base import BigIntAuditBase
        from sqlalchemy.orm import Mapped


        class Card(BigIntAuditBase):
            __tablename__ = "card"
            title: Mapped[str]
            state: Mapped[str]
    """,
)

AIOHTTP = _files(
    gate__app="""
        import asyncio
        from collections.abc import AsyncIterator

        import asyncpg
        from aiohttp import ClientSession, ClientTimeout, web

        from gate.handlers import routes
        from gate.keys import POOL, SESSION, WORK
        from gate.work import work


        async def resources(app: web.Application) -> AsyncIterator[None]:
            app[POOL] = await asyncpg.create_pool("postgresql:///gate")
            async with ClientSession(timeout=ClientTimeout(total=10)) as session, work:
                app[SESSION], app[WORK] = session, work
                yield
            await app[POOL].close()


        @web.middleware
        async def errors(request: web.Request, handler) -> web.StreamResponse:
            try:
                return await asyncio.wait_for(handler(request), timeout=30)
            except TimeoutError:
                raise web.HTTPGatewayTimeout from None


        def create_app() -> web.Application:
            app = web.Application(middlewares=[errors])
            app.add_routes(routes)
            app.cleanup_ctx.append(resources)
            return app


        if __name__ == "__main__":
            web.run_app(create_app())
    """,
    gate__keys="""
        import asyncpg
        from aiohttp import ClientSession, web

        from mainspring import Mainspring

        POOL = web.AppKey("pool", asyncpg.Pool)
        SESSION = web.AppKey("session", ClientSession)
        WORK = web.AppKey("work", Mainspring)
    """,
    gate__work="""
        from mainspring import Mainspring

        from gate.tasks import unlock

        work = Mainspring("postgresql:///gate", tasks=[unlock])
    """,
    gate__tasks="""
        import aiohttp

        from mainspring import Retry, task


        @task(timeout="20s", retry=Retry(2), dedupe="unlock:{door}")
        async def unlock(door: str) -> int:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
                async with session.post(f"https://doors.example.org/{door}") as answer:
                    return answer.status
    """,
    gate__handlers="""
        import asyncio
        from concurrent.futures import ThreadPoolExecutor

        from aiohttp import WSMsgType, web

        from gate.keys import POOL, SESSION, WORK
        from gate.tasks import unlock

        routes = web.RouteTableDef()
        threads = ThreadPoolExecutor(4)


        @routes.get("/doors")
        async def doors(request: web.Request) -> web.Response:
            rows = await request.app[POOL].fetch("SELECT name FROM door WHERE state = 'open'")
            return web.json_response([row["name"] for row in rows])


        @routes.post("/doors/{name}/unlock")
        async def open_door(request: web.Request) -> web.Response:
            run = await request.app[WORK].enqueue(unlock, door=request.match_info["name"])
            return web.json_response({"run": str(run.id)}, status=202)


        @routes.get("/hash")
        async def digest(request: web.Request) -> web.Response:
            loop = asyncio.get_running_loop()
            return web.Response(text=str(await loop.run_in_executor(threads, hash, request.query["text"])))


        @routes.get("/mirror")
        async def mirror(request: web.Request) -> web.Response:
            async with request.app[SESSION].get("https://doors.example.org/state") as answer:
                return web.json_response(await answer.json())


        @routes.get("/live")
        async def live(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse(heartbeat=20)
            await socket.prepare(request)

            async def ping() -> None:
                while not socket.closed:
                    await socket.send_str("tick")
                    await asyncio.sleep(5)

            pings = asyncio.create_task(ping())
            try:
                async for message in socket:
                    if message.type == WSMsgType.TEXT:
                        await socket.send_str(message.data)
            finally:
                pings.cancel()
            return socket
    """,
)

TEMPLATES: Mapping[str, Mapping[str, str]] = {
    "fastapi": FASTAPI,
    "flask": FLASK,
    "django": DJANGO,
    "litestar": LITESTAR,
    "aiohttp": AIOHTTP,
}
