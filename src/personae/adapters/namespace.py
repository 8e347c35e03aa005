"""What tells one project from every other on a server that several share: Qdrant, Redis."""

from __future__ import annotations

from uuid import uuid4

from personae.ports import Store

NAMESPACE = "index_namespace"
"""Key of it, among what the store keeps of settings."""


def namespace(store: Store) -> str:
    """Return the project's own name, also among projects of other stores; made when it is first asked for."""
    with store.read() as tx:
        found = tx.settings.get(NAMESPACE)
    if found is None:
        with store.write() as tx:
            found = tx.settings.get(NAMESPACE) or uuid4().hex
            tx.settings.set(NAMESPACE, found)
    return str(found)
