"""FastAPI behind Mangum: a dependency, validation, an error, CORS, its own description."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query
from fastapi.middleware.cors import CORSMiddleware
from mangum import Mangum
from pydantic import BaseModel, Field


class Item(BaseModel):
    """What the API keeps."""

    name: str = Field(min_length=1)
    price: float
    tags: list[str] = []


app = FastAPI(title="items")
app.add_middleware(CORSMiddleware, allow_origins=["*"])
router = APIRouter(prefix="/v1")


def user(x_key: Annotated[str | None, Header()] = None):
    """Tell who asks."""
    return x_key or "anonymous"


@router.get("/items/{item_id}")
def get_item(item_id: int, who: Annotated[str, Depends(user)], q: Annotated[str | None, Query()] = None):
    """Return an item."""
    if item_id == 404:
        raise HTTPException(404, "no such item")
    return {"id": item_id, "q": q, "who": who}


@router.post("/items")
async def post_item(item: Item) -> Item:
    """Keep an item."""
    return item


app.include_router(router)
handler = Mangum(app, lifespan="off")
