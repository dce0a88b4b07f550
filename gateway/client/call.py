"""How one declaration serves both clients.

    class WebhookCalls:
        @call
        def get_webhook(self, webhook_id: str) -> Request[Webhook]:
            return Request("GET", f"/api/webhooks/{segment(webhook_id)}")

        @listing
        def list_webhooks(self, *, limit: int | None = None) -> Listing[Webhook]:
            return Listing("/api/webhooks", limit=limit)

The method only says what is to be sent. `Client` sends it: `client.get_webhook(…)` is a Webhook, and
`client.list_webhooks()` an iterator of them. Of an `AsyncClient` the first is awaited, the second is an
asynchronous iterator. A `@download` gives an answer that may be too long to hold, in pieces. Type checkers
see the same.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from gateway.client.request import Download, Listing, Request
from gateway.client.rows import AsyncRows, Rows

P = ParamSpec("P")
T = TypeVar("T")


class Blocking(ABC):
    """A client whose calls answer."""

    @abstractmethod
    def send(self, request: Request[T]) -> T: ...

    @abstractmethod
    def rows(self, listing: Listing[T]) -> Rows[T]: ...

    @abstractmethod
    def pieces(self, download: Download) -> Iterator[bytes]: ...


class Awaiting(ABC):
    """A client whose calls are awaited."""

    @abstractmethod
    async def send(self, request: Request[T]) -> T: ...

    @abstractmethod
    def rows(self, listing: Listing[T]) -> AsyncRows[T]: ...

    @abstractmethod
    def pieces(self, download: Download) -> AsyncIterator[bytes]: ...


class call(Generic[P, T]):  # noqa: N801 - a decorator
    """A method that answers once."""

    def __init__(self, make: Callable[Concatenate[Any, P], Request[T]]) -> None:
        self.make = make
        _describe(self, make, "{}")

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, Awaitable[T]]: ...

    def __get__(self, client: Any, owner: type) -> Any:
        return self if client is None else _bound(self.make, client, client.send)

    def __call__(self, client: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """As of any method that is taken from its class."""
        return self.__get__(client, type(client))(*args, **kwargs)


class listing(Generic[P, T]):  # noqa: N801 - a decorator
    """A method that gives rows."""

    def __init__(self, make: Callable[Concatenate[Any, P], Listing[T]]) -> None:
        self.make = make
        _describe(self, make, "Rows[{}]")

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, Rows[T]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, AsyncRows[T]]: ...

    def __get__(self, client: Any, owner: type) -> Any:
        return self if client is None else _bound(self.make, client, client.rows)

    def __call__(self, client: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """As of any method that is taken from its class."""
        return self.__get__(client, type(client))(*args, **kwargs)


class download(Generic[P]):  # noqa: N801 - a decorator
    """A method that gives bytes, piece by piece."""

    def __init__(self, make: Callable[Concatenate[Any, P], Download]) -> None:
        self.make = make
        _describe(self, make, "Iterator[bytes]")

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, Iterator[bytes]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, AsyncIterator[bytes]]: ...

    def __get__(self, client: Any, owner: type) -> Any:
        return self if client is None else _bound(self.make, client, client.pieces)

    def __call__(self, client: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """As of any method that is taken from its class."""
        return self.__get__(client, type(client))(*args, **kwargs)


def _describe(method: Callable[..., Any], make: Callable[..., Any], answer: str) -> None:
    """Name, text and parameters for help() and editors; `answer` says what comes of the blocking client, with
    `{}` for what the request or the list holds."""
    functools.update_wrapper(method, make)
    signature = inspect.signature(make)
    held = str(signature.return_annotation).partition("[")[2].removesuffix("]")
    method.__dict__["__signature__"] = signature.replace(return_annotation=_Words(answer.format(held)))


class _Words(str):
    """Is shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _bound(make: Callable[..., Any], client: object, perform: Callable[[Any], Any]) -> Callable[..., Any]:
    method = functools.partial(make, client)

    @functools.wraps(make)
    def run(*args: Any, **kwargs: Any) -> Any:
        return perform(method(*args, **kwargs))

    run.__dict__["__wrapped__"] = method  # without `self`, for help() and signatures
    return run
