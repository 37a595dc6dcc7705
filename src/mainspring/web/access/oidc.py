"""OpenID Connect: people whom another house knows. Authorization code with PKCE (RFC 7636), discovery, keys, and claims that are checked.

Nothing is kept here between sending somebody there and their coming back: state, nonce and verifier travel in a cookie that only this
browser has, and count only together with what the provider has signed.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode, urlsplit

from mainspring.app import Mainspring
from mainspring.core.door import Rights, rights_of_guest
from mainspring.core.errors import ConfigurationError
from mainspring.core.keys import is_same, make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from joserfc.jwk import KeySet

# Signatures that only the provider can make: no shared secrets, and never none.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
TIMEOUT = 10.0  # seconds for each answer of the provider
KNOWN_FOR = 3600.0  # seconds for which its addresses and keys are good
KEYS_EVERY = 60.0  # seconds between two looks at its keys, whatever unknown key somebody shows
LEEWAY = 60  # seconds by which clocks may differ


class OidcRefused(Exception):
    """The provider cannot be asked, or what came back from it does not hold."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One attempt to sign in, as the browser carries it."""

    state: str
    nonce: str
    verifier: str
    next: str

    def packed(self) -> str:
        """Return it as a cookie."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @classmethod
    def unpacked(cls, text: str) -> Flow | None:
        """Return what a cookie says, None for what is no attempt of ours."""
        try:
            found = json.loads(base64.urlsafe_b64decode(text.encode()))
            made = cls(**found)
        except (ValueError, TypeError):
            return None
        return made if all(isinstance(each, str) for each in found.values()) else None


@dataclass(frozen=True, slots=True)
class Guest:
    """Whom the provider says it is."""

    name: str
    groups: tuple[str, ...]


def provider_of(app: Mainspring) -> Provider | None:
    """Return the provider of the settings; raises `ConfigurationError` where it is set and cannot be spoken to."""
    if app.settings.oidc_issuer is None:
        return None
    if find_spec("authlib") is None or (find_spec("httpx2") is None and find_spec("httpx") is None):
        raise ConfigurationError("MAINSPRING_OIDC_ISSUER is set: pip install 'mainspring[oidc]'")
    return Provider(app)


class Provider:
    """An OpenID provider: where people are sent, and how what they bring back is checked."""

    def __init__(self, app: Mainspring) -> None:
        self._settings = app.settings
        self.issuer, self._client_id = app.settings.oidc_issuer or "", app.settings.oidc_client_id or ""
        self._about: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    @asynccontextmanager
    async def _client(self, redirect: str | None = None) -> AsyncIterator[AsyncOAuth2Client]:
        from authlib.integrations.base_client.errors import OAuthError
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        settings = self._settings
        how = "client_secret_basic" if settings.oidc_client_secret else "none"
        try:
            async with AsyncOAuth2Client(
                self._client_id, settings.oidc_client_secret, token_endpoint_auth_method=how, scope=settings.oidc_scopes,
                redirect_uri=redirect, code_challenge_method="S256", timeout=TIMEOUT, follow_redirects=False,
            ) as client:  # fmt: skip
                yield client
        except _unreachable() as error:
            raise OidcRefused(f"it cannot be reached ({type(error).__name__})") from error
        except OAuthError as error:
            raise OidcRefused(f"it answered {error.error or 'an error'}") from error

    async def _json(self, client: AsyncOAuth2Client, address: str, **how: Any) -> Mapping[str, Any]:
        answer = await client.request("GET", address, **how)
        try:
            found = answer.json() if answer.status_code == 200 else None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise OidcRefused(f"it answered {answer.status_code} at {urlsplit(address).path}")
        return found

    async def about(self) -> Mapping[str, Any]:
        """Return what the provider says of itself (OpenID Connect Discovery 1.0)."""
        if self._about is None or time.monotonic() - self._about[0] > KNOWN_FOR:
            async with self._client() as client:
                found = await self._json(client, f"{self.issuer}/.well-known/openid-configuration", withhold_token=True)
            if str(found.get("issuer", "")).rstrip("/") != self.issuer:
                raise OidcRefused(f"it calls itself {str(found.get('issuer'))[:100]!r}")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not _is_safe(str(found.get(name, "")), self.issuer):
                    raise OidcRefused(f"its {name} is no https address")
            self._about = time.monotonic(), found
        return self._about[1]

    async def begin(self, redirect: str, wanted: str) -> tuple[Flow, str]:
        """Return a new attempt, and where to send the browser."""
        about, flow = await self.about(), Flow(make_key(), make_key(), make_key(), wanted)
        async with self._client(redirect) as client:
            address, _ = client.create_authorization_url(
                about["authorization_endpoint"], state=flow.state, nonce=flow.nonce, code_verifier=flow.verifier
            )  # fmt: skip
        return flow, str(address)

    async def finish(self, flow: Flow | None, said: Mapping[str, str], redirect: str) -> Guest:
        """Return who came back; raises `OidcRefused` for what does not belong to this attempt, or is not signed by the provider."""
        about = await self.about()
        if flow is None or not is_same(said.get("state", ""), flow.state):
            raise OidcRefused("this answer belongs to no attempt of this browser")
        if "iss" in said and said["iss"] != about["issuer"]:  # RFC 9207: an answer of somebody else's
            raise OidcRefused("the answer is another provider's")
        if "error" in said:
            raise OidcRefused(f"it answered {said['error'][:100]}")
        if not said.get("code"):
            raise OidcRefused("the answer has no code")
        async with self._client(redirect) as client:
            token = await client.fetch_token(about["token_endpoint"], code=said["code"], code_verifier=flow.verifier)
            claims = await self._claims(about, str(token.get("id_token", "")), flow.nonce)
            if self._lacks(claims) and _is_safe(str(about.get("userinfo_endpoint", "")), self.issuer):
                claims = await self._with_more(client, str(about["userinfo_endpoint"]), claims)
        return self._guest(claims)

    async def _with_more(self, client: AsyncOAuth2Client, address: str, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return claims with what the provider tells beside its token, where it does; what is signed counts more."""
        try:
            more = await self._json(client, address)
        except OidcRefused:
            return claims
        if more.get("sub") != claims["sub"]:
            raise OidcRefused("what it tells of the person is about somebody else")
        return {**more, **claims}

    def rights_of(self, guest: Guest) -> Rights | None:
        """Return what somebody may do here, None where nothing lets them in."""
        return rights_of_guest(guest.name, guest.groups, self._settings.access_roles, self._settings.access_tenants)

    async def end_address(self, back: str) -> str | None:
        """Return where somebody signs out there, where the provider has such a place (RP-Initiated Logout 1.0)."""
        try:
            address = str((await self.about()).get("end_session_endpoint", ""))
        except OidcRefused:
            return None
        if not _is_safe(address, self.issuer):
            return None
        query = urlencode({"client_id": self._client_id, "post_logout_redirect_uri": back})
        return f"{address}{'&' if '?' in address else '?'}{query}"

    # -- what the provider has signed

    async def _claims(self, about: Mapping[str, Any], id_token: str, nonce: str) -> Mapping[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError

        told = about.get("id_token_signing_alg_values_supported")
        allowed: Collection[str] = [each for each in ALGORITHMS if not isinstance(told, list) or each in told]
        for is_again in (False, True):
            try:
                token = jwt.decode(id_token, await self._key_set(about, is_again=is_again), algorithms=list(allowed))
                break
            except (JoseError, ValueError) as error:
                if is_again:
                    raise OidcRefused("its token is not signed by a key of its own") from error
        else:
            raise AssertionError
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY, iss={"essential": True, "value": str(about["issuer"])}, aud={"essential": True, "value": self._client_id},
            nonce={"essential": True, "value": nonce}, sub={"essential": True}, exp={"essential": True}, iat={"essential": True},
        )  # fmt: skip
        claims = cast("Mapping[str, Any]", token.claims)
        try:
            registry.validate(token.claims)
        except JoseError as error:
            raise OidcRefused(f"its token does not hold: {error}"[:200]) from error
        audience = claims["aud"]
        is_for_many = isinstance(audience, list) and len(audience) > 1
        if (is_for_many or "azp" in claims) and claims.get("azp") != self._client_id:
            raise OidcRefused("its token was made for somebody else")
        return claims

    async def _key_set(self, about: Mapping[str, Any], *, is_again: bool) -> KeySet:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        age = float("inf") if self._keys is None else time.monotonic() - self._keys[0]
        if self._keys is None or age > KNOWN_FOR or (is_again and age > KEYS_EVERY):
            async with self._client() as client:
                found = await self._json(client, about["jwks_uri"], withhold_token=True)
            try:
                self._keys = time.monotonic(), KeySet.import_key_set(cast("Any", found))
            except (JoseError, ValueError, KeyError) as error:
                raise OidcRefused("its keys cannot be read") from error
        return self._keys[1]

    def _lacks(self, claims: Mapping[str, Any]) -> bool:
        return any(each not in claims for each in (self._settings.oidc_claim_name, self._settings.oidc_claim_groups))

    def _guest(self, claims: Mapping[str, Any]) -> Guest:
        settings = self._settings
        name = claims.get(settings.oidc_claim_name)
        if not isinstance(name, str) or not name.strip():
            raise OidcRefused(f"it does not say {settings.oidc_claim_name}: set MAINSPRING_OIDC_CLAIM_NAME to a claim that it has")
        if settings.oidc_claim_name == "email" and claims.get("email_verified") is not True:
            raise OidcRefused("it has not verified this person's address")
        said = claims.get(settings.oidc_claim_groups, ())
        groups = said.split() if isinstance(said, str) else said if isinstance(said, list) else ()
        return Guest(name.strip()[:200], tuple(str(each) for each in groups if isinstance(each, (str, int))))


def _unreachable() -> type[Exception]:
    """Return what the library raises that Authlib speaks HTTP with: httpx2, or httpx where that is not there."""
    library = import_module("httpx2" if find_spec("httpx2") is not None else "httpx")
    return cast("type[Exception]", library.HTTPError)


def _is_safe(address: str, issuer: str) -> bool:
    """Tell whether an address of the provider may be used: by TLS, unless the provider itself is on this machine."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and issuer.startswith("http://")))
