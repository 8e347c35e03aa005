"""The whole error tree.

PersonaeError
├── InputError            what was given cannot be used            422, exit 2
│   ├── ImageError        the bytes are not a picture we can read
│   ├── ModelMismatch     embeddings of different models met
│   ├── TooFewComparisons a rate cannot be observed on so few pairs
│   ├── TooLarge          more bytes than are taken                413, exit 2
│   └── UnsupportedMedia  not a picture that is read, nor a video  415, exit 2
├── Unauthenticated       no key, or one that is not known         401, exit 2
├── Forbidden             the key, or where it came from, may not  403, exit 2
├── TooManyAttempts       wrong passwords, too many in a row       429, exit 2
├── NotFound              no such person, face, cluster, operation 404, exit 2
├── Conflict              the state does not allow it              409, exit 2
├── Cancelled             somebody asked the work to stop          409, exit 130
├── ModelError            a model is missing, torn or not itself   500, exit 3
└── BackendError          store, disk or server does not answer    503, exit 3
    └── SourceError       a source of people does not answer, or not as it should
"""

from __future__ import annotations


class PersonaeError(Exception):
    """Base of every error that personae raises on purpose."""

    exit_code = 1
    http_status = 500


class InputError(PersonaeError):
    """What was given cannot be used."""

    exit_code = 2
    http_status = 422


class ImageError(InputError):
    """The bytes are not a picture that can be read.

    Attributes:
        reason: why, a `personae.types.Reason`, as kept in the store and shown in the report.
        detail: one sentence for a person, without the file's name.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class ModelMismatch(InputError):
    """Embeddings of different models, or of another dimension, were about to be compared."""


class TooFewComparisons(InputError):
    """A rate was asked for that cannot be observed on so few comparisons."""


class TooLarge(InputError):
    """More bytes were sent than are taken."""

    http_status = 413


class UnsupportedMedia(InputError):
    """What was sent is not of a kind that is read.

    Attributes:
        reason: why, a `personae.types.Reason`.
    """

    http_status = 415

    def __init__(self, sentence: str, reason: str = "unsupported_format") -> None:
        super().__init__(sentence)
        self.reason = reason


class Unauthenticated(PersonaeError):
    """The HTTP API asks for a key, and there was none, or one that it does not know."""

    exit_code = 2
    http_status = 401


class Forbidden(PersonaeError):
    """The key has not the role that this takes, or a web page elsewhere sent the request."""

    exit_code = 2
    http_status = 403


class TooManyAttempts(PersonaeError):
    """Somebody tried too many wrong passwords; the next ones are not looked at for a while."""

    exit_code = 2
    http_status = 429


class NotFound(PersonaeError):
    """There is no such person, face, cluster, image or operation."""

    exit_code = 2
    http_status = 404


class Conflict(PersonaeError):
    """The present state does not allow what was asked."""

    exit_code = 2
    http_status = 409


class Cancelled(PersonaeError):
    """Somebody asked the work to stop; nothing of it was written."""

    exit_code = 130
    http_status = 409


class ModelError(PersonaeError):
    """A model is missing, damaged, or does not give the outputs it is known for."""

    exit_code = 3
    http_status = 500


class BackendError(PersonaeError):
    """A store, a disk or a server does not answer or does not accept the write."""

    exit_code = 3
    http_status = 503


class SourceError(BackendError):
    """A source of people does not answer, refuses the key, or answers what cannot be used.

    Attributes:
        reason: why, in a word, as counted in the statistics: timeout, refused_key, http_500, not_an_image, ...
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
