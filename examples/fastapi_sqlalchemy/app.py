"""An HTTP service whose orders and the work that follows from them stand in one transaction.

A team that has FastAPI and SQLAlchemy adds three things: an app, a task, and ``connection=session`` where a route enqueues.

    pip install mainspring fastapi 'sqlalchemy[asyncio]' aiosqlite uvicorn
    uvicorn app:web                  # the routes
    mainspring worker -A app:tasks   # the work, in another terminal
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from mainspring import Context, Mainspring, task

# One database for both: mainspring's tables stand beside yours. With PostgreSQL: postgresql:// here, postgresql+psycopg:// below.
URL = os.environ.get("SHOP_URL", "sqlite:///shop.db")
engine = create_async_engine(URL.replace("sqlite://", "sqlite+aiosqlite://").replace("postgresql://", "postgresql+psycopg://"))
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase): ...


class Order(Base):
    """What a customer has asked for."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    article: Mapped[str]
    amount: Mapped[int]
    invoice: Mapped[str | None]


@task(retry=5)
async def write_invoice(ctx: Context, order_id: int) -> str:
    """Give an order its invoice, exactly once: the number and the run's end are one commit."""
    async with sessions.begin() as session:
        order = await session.get_one(Order, order_id)
        order.invoice = f"R-{order.id:05}"
        await ctx.complete_in(session, order.invoice)
    return order.invoice


tasks = Mainspring(URL, tasks=[write_invoice])


@asynccontextmanager
async def lifespan(web: FastAPI) -> AsyncIterator[None]:
    """Open both before the first request: what is wrong with the database is told now."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with tasks:
        yield
    await engine.dispose()


async def one_transaction() -> AsyncIterator[AsyncSession]:
    """Give a route a session that commits when the route returns, and rolls back when it raises."""
    async with sessions.begin() as session:
        yield session


web = FastAPI(lifespan=lifespan)
Transaction = Annotated[AsyncSession, Depends(one_transaction, scope="function")]  # ends before the answer is sent


class NewOrder(BaseModel):
    """The body of a request."""

    article: str
    amount: int = Field(ge=1)


@web.post("/orders", status_code=202)
async def place_order(new: NewOrder, session: Transaction) -> dict[str, int | str]:
    """Keep an order and enqueue its invoice: both are there afterwards, or neither."""
    order = Order(article=new.article, amount=new.amount)
    session.add(order)
    await session.flush()  # the database gives the order its number
    run = await tasks.enqueue(write_invoice.options(connection=session), order.id)
    if new.article == "unicorn":
        raise HTTPException(409, "we are out of unicorns")  # after both were written: the transaction takes them back
    return {"order": order.id, "run": run.id}


@web.get("/orders/{order_id}")
async def show_order(order_id: int, session: Transaction) -> dict[str, int | str | None]:
    """Show an order, with its invoice once there is one."""
    order = await session.scalar(select(Order).where(Order.id == order_id))
    if order is None:
        raise HTTPException(404, f"there is no order {order_id}")
    return {"order": order.id, "article": order.article, "amount": order.amount, "invoice": order.invoice}
