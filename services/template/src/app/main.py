"""What newservice is for."""

from berth.postgres import Database  # <postgres>
from berth.redis import Redis  # <redis>
from berth.service import create

database = Database()  # <postgres>
redis = Redis()  # <redis>
app = create(database, redis)


@app.get("/")
async def root() -> dict[str, str]:
    return {"service": app.title}


# <postgres>
@app.get("/database")
async def ask_database() -> dict[str, object]:
    return {"database": await database.rows("SELECT current_database() AS name, now()::text AS now")}


# </postgres>
# <redis>
@app.get("/redis")
async def ask_redis() -> dict[str, object]:
    return {"redis": await redis.client.info("server")}


# </redis>
