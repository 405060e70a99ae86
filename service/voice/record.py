"""Turn a reading into the result of its request and the events that report it, in one go."""

from __future__ import annotations

import logging

from sqlmodel import Session

from layers.voice.speaker.reading import VoiceReading
from service.clock import now_ms
from service.errors import NotFoundError
from service.events import DEEPFAKE_DETECTED, add_voice_event, voice_event
from service.voice.cipher import VoiceprintKeyError
from service.voice.desk import VoiceDesk
from service.voice.history import check_open, inconclusive_in_a_row, recent_verifications
from service.voice.tables import VoiceKind, VoiceprintRow, VoiceRequestRow, VoiceState
from service.voice.views import WireObject, confidence_of, models_view, recording_view, risk_of
from service.voice.voiceprints import OutdatedVoiceprintError, compare_with, save_voiceprint
from verdict.policy import Policy
from verdict.rules import ReasonCode, VerdictName
from verdict.speaker import (
    UseCase,
    Verification,
    VerificationFacts,
    VoiceOutcome,
    is_synthetic,
    verdict_on,
    verify,
)

_LOG = logging.getLogger(__name__)
_ENGINE = "engine"
_CARRY_NOBODY = (ReasonCode.SYNTHETIC_AUDIO_DETECTED, ReasonCode.INSUFFICIENT_AUDIO_QUALITY)


def record_reading(desk: VoiceDesk, request_id: str, reading: VoiceReading) -> None:
    """Write the result of a request, then its events; a second one changes nothing.

    Raises
    ------
    NotFoundError
        When the voiceprint was erased meanwhile.
    ConflictError
        When voice was closed for this person meanwhile.
    service.voice.voiceprints.OutdatedVoiceprintError
        When it was made by another encoder.
    service.voice.cipher.VoiceprintKeyError
        When it was sealed with another key.
    """
    with desk.context.database.write() as db:
        row = db.get_one(VoiceRequestRow, request_id, with_for_update=True)
        if row.state != VoiceState.PROCESSING:
            return
        if row.kind == VoiceKind.ENROLLMENT:
            _enroll(db, desk, row, reading)
        else:
            _verify(db, desk, row, reading)
        db.add(row)


def _enroll(db: Session, desk: VoiceDesk, row: VoiceRequestRow, reading: VoiceReading) -> None:
    policy, made = desk.context.policy, reading.voiceprint
    risk = risk_of(reading)
    deepfake = is_synthetic(risk, policy)
    # Where the detector can't tell, a clone could be enrolled: that is a recording too poor.
    unsure = verdict_on(risk, confidence_of(reading), policy) is VerdictName.INCONCLUSIVE
    reason = None
    if deepfake:
        reason = ReasonCode.SYNTHETIC_AUDIO_DETECTED
    elif unsure or made.quality < policy.number("speaker.quality.minimum"):
        reason = ReasonCode.INSUFFICIENT_AUDIO_QUALITY
    else:
        save_voiceprint(db, desk.cipher, row.organization_id, row.external_id, made)
    row.state = VoiceState.COMPLETED if reason is None else VoiceState.FAILED
    row.reason_code = None if reason is None else str(reason)
    row.result = {
        "voiceprint_quality_score": made.quality,
        "minimum_quality_score": policy.number("speaker.quality.minimum"),
        "deepfake_detected": deepfake,
        **_evidence(reading, policy),
    }
    row.file, row.finished_at = None, now_ms()
    if deepfake:
        _note_synthetic(db, row, reading, None)
    _report(db, row, voiceprint_quality_score=made.quality, deepfake_detected=deepfake)


def _verify(db: Session, desk: VoiceDesk, row: VoiceRequestRow, reading: VoiceReading) -> None:
    policy = desk.context.policy
    deepfake = is_synthetic(risk_of(reading), policy)
    try:
        score, similarity = _compared(db, desk, row, reading)
    except (NotFoundError, OutdatedVoiceprintError, VoiceprintKeyError):
        # Synthetic audio is rejected whatever it matches, and so when it matches nothing.
        if not deepfake:
            raise
        score = similarity = None
    if not deepfake:
        check_open(db, policy, row)
    match_score = None if similarity is None else round(similarity / 100, 3)
    facts = VerificationFacts(
        risk=risk_of(reading),
        confidence=confidence_of(reading),
        match_score=match_score or 0.0,
        quality=reading.voiceprint.quality,
        use_case=UseCase(row.use_case or UseCase.CONTACT_CENTRE),
        earlier_scores=_earlier_scores(db, row, policy),
    )
    decided = verify(facts, policy)
    row.state, row.outcome, row.reason_code = (
        VoiceState.COMPLETED,
        str(decided.outcome),
        str(decided.reason),
    )
    row.match_score = match_score
    row.result = {
        "similarity_pct": similarity,
        "cosine": None if score is None else round(score, 4),
        "threshold": decided.threshold,
        "rule": decided.rule,
        "deepfake_detected": deepfake,
        "retry_allowed": _retry_allowed(db, row, decided, policy),
        "trend": None if match_score is None else _trend(facts, decided),
        **_evidence(reading, policy),
    }
    row.file, row.finished_at = None, now_ms()
    if deepfake:
        _note_synthetic(db, row, reading, match_score)
    _report(db, row, result=row.outcome, match_score=row.match_score, deepfake_detected=deepfake)


def _compared(
    db: Session, desk: VoiceDesk, row: VoiceRequestRow, reading: VoiceReading
) -> tuple[float | None, float | None]:
    kept = db.get(VoiceprintRow, (row.organization_id, row.external_id))
    if kept is None:
        message = "the voiceprint was erased before the verification"
        raise NotFoundError(message, "VOICEPRINT_NOT_FOUND")
    return compare_with(kept, desk.cipher, reading.voiceprint, desk.context.policy)


def _earlier_scores(db: Session, row: VoiceRequestRow, policy: Policy) -> tuple[float, ...]:
    """Return the scores of this person's continuous verifications within the window, latest last.

    Those of synthetic or unsure audio are left out: a clone's good match must not carry anybody.
    """
    since_ms = now_ms() - round(1000 * policy.number("speaker.continuous.window_s"))
    rows = recent_verifications(db, row.organization_id, row.external_id, since_ms)
    return tuple(
        one.match_score
        for one in reversed(rows)
        if one.use_case == UseCase.CONTINUOUS
        and one.match_score is not None
        and one.reason_code not in _CARRY_NOBODY
    )


def _retry_allowed(
    db: Session, row: VoiceRequestRow, decided: Verification, policy: Policy
) -> bool:
    if decided.outcome is not VoiceOutcome.INCONCLUSIVE:
        return False
    if row.use_case == UseCase.CONTINUOUS:
        return True
    since_ms = now_ms() - round(1000 * policy.number("speaker.retry.closed_s"))
    earlier = recent_verifications(db, row.organization_id, row.external_id, since_ms)
    return inconclusive_in_a_row([one for one in earlier if one.id != row.id]) == 0


def _trend(facts: VerificationFacts, decided: Verification) -> WireObject | None:
    if facts.use_case is not UseCase.CONTINUOUS:
        return None
    return {"mean_match_score": decided.decisive_score, "verifications": decided.n_scores}


def _evidence(reading: VoiceReading, policy: Policy) -> WireObject:
    return {
        "recording": recording_view(reading, policy),
        "models": models_view(reading),
        "policy_version": policy.version,
        "policy_digest": policy.digest,
    }


def _note_synthetic(
    db: Session, row: VoiceRequestRow, reading: VoiceReading, match_score: float | None
) -> None:
    reason = str(ReasonCode.SYNTHETIC_AUDIO_DETECTED)
    risk = risk_of(reading)
    add_voice_event(
        db,
        row.organization_id,
        row.id,
        DEEPFAKE_DETECTED,
        _ENGINE,
        external_id=row.external_id,
        reason_code=reason,
        voice_risk=risk,
        match_score=match_score,
    )
    extra = {"voice_request_id": row.id, "reason": reason, "match_score": match_score}
    _LOG.warning("security: synthetic audio", extra=extra)


def _report(db: Session, row: VoiceRequestRow, **details: object) -> None:
    add_voice_event(
        db,
        row.organization_id,
        row.id,
        voice_event(row.kind, failed=row.state == VoiceState.FAILED),
        _ENGINE,
        external_id=row.external_id,
        reason_code=row.reason_code,
        **details,
    )
