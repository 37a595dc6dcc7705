import asyncio

from mainspring import Context, Mainspring, task


@task(retry=3, timeout="5m")
async def greet(ctx: Context, name: str, times: int = 1) -> str:
    ctx.progress(1, times, message=f"greeting {name}")
    return ", ".join([f"hello {name}"] * times)


app = Mainspring("sqlite:///quickstart.db", tasks=[greet])


async def main() -> None:
    async with app:
        print(await app.run(greet, name="Ada", times=2))  # a wrong argument is a type error, here and in your editor


if __name__ == "__main__":
    asyncio.run(main())
