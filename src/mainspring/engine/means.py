"""Means: what an executor gives its bodies beside plain parameters, and what it takes from them beside a plain result.

Files that are parameters can be read, secrets have their values, large payloads come from among the files and go there, and what a body
attaches is stored. An executor child has no connection to the store: it writes contents itself, the rows about them travel as records
with whatever else a run says, so that they are fenced by its claim.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

from mainspring.core.carried import carried
from mainspring.core.context import Context
from mainspring.core.errors import ConfigurationError, StoreUnavailable
from mainspring.core.file import File
from mainspring.core.ids import IdMaker
from mainspring.core.payload import check_payload, reference_of, to_reference
from mainspring.core.run import Outcome
from mainspring.core.secret import Secret, SecretRule, SecretRules
from mainspring.engine.capture import Tape
from mainspring.engine.mask import Mask
from mainspring.engine.vault import check_rules, look_up
from mainspring.store.blobs import Blob, Blobs, BlobSource, blobs_at, key_of
from mainspring.store.file_store import Role, names_of, pieces_of

MAX_PAYLOAD = 256 * 1024


class Means:
    """What the bodies of a node may have. Plain values, so that it travels to executor children."""

    def __init__(
        self, *, files: str | None = None, secrets: SecretRules | None = None, max_payload: int = MAX_PAYLOAD, spill: bool = False
    ) -> None:
        self._files, self._secrets, self._spill = files, secrets or SecretRules(), spill
        self.max_payload = max_payload
        self.surely_small = max_payload // 4  # characters: UTF-8 takes four bytes for one at most
        self._ids = IdMaker()

    def as_json(self) -> dict[str, Any]:
        """Return it as it travels to a child; no value of a secret is in it."""
        rules = [[rule.reference, rule.tasks, rule.tenants] for rule in self._secrets.rules.values()]
        return {"files": self._files, "folder": self._secrets.folder, "rules": rules, "max_payload": self.max_payload, "spill": self._spill}

    @classmethod
    def from_json(cls, packed: Mapping[str, Any]) -> Means:
        """Return what travelled; what is left out is as it is by default."""
        if not packed:
            return NO_MEANS
        rules = {ref: SecretRule(ref, tuple(tasks), None if tenants is None else tuple(tenants)) for ref, tasks, tenants in packed["rules"]}
        secrets = SecretRules(packed["folder"], rules)
        return cls(files=packed["files"], secrets=secrets, max_payload=packed["max_payload"], spill=packed["spill"])

    @cached_property
    def blobs(self) -> Blobs:
        """The contents of files; raises `ConfigurationError` where no place is configured."""
        return blobs_for(self._files)

    # -- before the body

    def text_of(self, params: str) -> str:
        """Return the whole text of parameters that lie among the files."""
        file = reference_of(params)
        with self.blobs.open(key_of(file)) as content:
            return content.read().decode()

    async def furnish(self, load: Callable[[], dict[str, Any]], context: Context, *, can_wait: bool) -> dict[str, Any]:
        """Return arguments whose files can be read and whose secrets have their values; the run's words are masked from now on.

        What the store keeps the engine is asked for: an event loop lives on meanwhile (``can_wait``), a thread stands still. Raises as
        ``load`` does, and `ConfigurationError` for a secret that the run may not have or that is not there.
        """
        with carried() as found:
            arguments = load()
        values = []
        secrets = [each for each in found if isinstance(each, Secret)]
        kept = await self._unlock([each for each in secrets if each.source == "store"], context, can_wait=can_wait)
        for secret in secrets:
            value = kept[secret.reference] if secret.source == "store" else look_up(secret, self._secrets, context.task, context.tenant)
            secret.resolved(value)
            values.append(value)
        if values and (tape := _tape_of(context)) is not None:
            tape.mask = Mask(values)
        files = [each for each in found if isinstance(each, File)]
        if files:
            source = BlobSource(self.blobs)
            context.at_end(source.close)
            for file in files:
                file.at(source)
        return arguments

    def has_stored(self, task: str, tenant: str) -> list[str]:
        """Return the references to what the store keeps that are declared for a task."""
        return [ref for ref, rule in self._secrets.rules.items() if ref.startswith("store:") and rule.allows(task, tenant)]

    async def _unlock(self, secrets: Sequence[Secret], context: Context, *, can_wait: bool) -> Mapping[str, str]:
        if not secrets:
            return {}
        references = list(dict.fromkeys(each.reference for each in secrets))
        for reference in references:
            check_rules(reference, self._secrets, context.task, context.tenant)
        tape = _tape_of(context)
        promise = None if tape is None else tape.unlock(references)
        if promise is None:
            raise ConfigurationError(f"the secret {references[0]} is known only inside a body that runs")
        answer = await asyncio.wrap_future(promise) if can_wait and not promise.done() else promise.result()
        values, problems = answer[2], answer[3]
        if values is None:
            raise StoreUnavailable("the engine is gone")  # the run is somebody else's by now
        for reference in references:
            if reference not in values:
                raise ConfigurationError(problems.get(reference, f"the secret {reference} was not handed over"))
        return cast("Mapping[str, str]", values)

    # -- from the body

    def attach(self, tape: Tape, source: Any, name: str | None, media_type: str | None) -> File:
        """Store what a body leaves behind; raises `FileRefused` for what is no file."""
        called, kind = names_of(source, name, media_type) if tape.mask is None else names_of(source, name, media_type, tape.mask.text)
        file = self._store(source, called, kind)
        tape.left(file, Role.LEFT)
        return file.at(BlobSource(self.blobs))

    def fit(self, result: str, task: str, context: Context) -> str:
        """Return what stands for a result: itself without secrets, or a reference to where it lies; raises `PayloadTooLarge`."""
        tape = _tape_of(context)
        mask = None if tape is None else tape.mask
        text = result if mask is None else mask.json(result)
        encoded = text.encode()
        if len(encoded) <= self.max_payload:
            return text
        check_payload(f"the result of {task}", len(encoded), self.max_payload, spills=self._spill)
        file = self._store(encoded, "result.json", "application/json")
        if tape is not None:
            tape.left(file, Role.RESULT)
        return to_reference(file)

    def _store(self, source: Any, name: str, media_type: str) -> File:
        with Blob(self.blobs, None, name) as blob:
            for piece in pieces_of(source):
                blob.write(piece)
            file_id = self._ids.make(time.time_ns() // 1_000_000)
            file = File(id=file_id, name=name, size=blob.size, media_type=media_type, sha256=blob.sha256)
            blob.keep(file)
        return file


NO_MEANS = Means()


def masked(outcome: Outcome, context: Context) -> Outcome:
    """Return an outcome without the secrets that its run was given."""
    tape = _tape_of(context)
    return outcome if tape is None or tape.mask is None else tape.mask.outcome(outcome)


def _tape_of(context: Context) -> Tape | None:
    return context.sink if isinstance(context.sink, Tape) else None


def blobs_for(where: str | None) -> Blobs:
    """Return the contents that a setting names; raises `ConfigurationError` where it names none."""
    if where is None:
        raise ConfigurationError(
            "there is no place for files: set MAINSPRING_FILES to a directory that all nodes share, or to s3://…, gs://… or az://…"
        )
    return blobs_at(where)
