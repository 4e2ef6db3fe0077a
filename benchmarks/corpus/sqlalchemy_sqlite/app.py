"""SQLAlchemy's object mapper on a database in memory."""

import datetime

from sqlalchemy import ForeignKey, String, create_engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, sessionmaker


class Base(DeclarativeBase):
    """What the tables share."""


class User(Base):
    """A user."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime.datetime | None]
    posts: Mapped[list["Post"]] = relationship(back_populates="user")


class Post(Base):
    """A user's post."""

    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship(back_populates="posts")


ENGINE = create_engine("sqlite://", pool_pre_ping=True)
Session = sessionmaker(ENGINE)


def handler(event, context):
    """Write a user with posts, and count them."""
    Base.metadata.create_all(ENGINE)
    with Session() as session:
        session.add(User(name=event["name"], posts=[Post(), Post()]))
        session.commit()
        joined = select(func.count()).select_from(Post).join(User).where(User.name == event["name"])
        count = session.scalar(joined)
        session.execute(text("select 1"))
        return {"posts": count, "user": session.scalars(select(User)).first().name}
