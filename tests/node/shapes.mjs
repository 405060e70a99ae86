// The shapes that the SDK declares, as checks: a field is of its type, or absent where optional;
// null is not "absent". What we add beyond the declared fields is listed, so nothing slips in.

import assert from 'node:assert/strict';

const WIRE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export const text = (value, at) => assert.equal(typeof value, 'string', at);
export const bool = (value, at) => assert.equal(typeof value, 'boolean', at);
export const count = (value, at) => assert.ok(Number.isInteger(value) && value >= 0, at);
export const score = (value, at) => assert.ok(Number.isInteger(value) && value >= 0 && value <= 100, at);
export const time = (value, at) => assert.match(value, WIRE_TIME, at);
export const oneOf = (...words) => (value, at) => assert.ok(words.includes(value), `${at}: ${value}`);
export const nullable = (check) => (value, at) => value === null || check(value, at);
export const list = (check) => (value, at) => {
  assert.ok(Array.isArray(value), at);
  value.forEach((one, index) => check(one, `${at}[${index}]`));
};
export const map = (check) => (value, at) => {
  assert.equal(Object.getPrototypeOf(value), Object.prototype, at);
  Object.entries(value).forEach(([name, one]) => check(one, `${at}.${name}`));
};
export const anything = () => {};

/** A closed object: `name` is required, `name?` may be absent. */
export const object = (fields) => (value, at) => {
  assert.ok(value !== null && typeof value === 'object' && !Array.isArray(value), at);
  const known = new Set();
  for (const [field, check] of Object.entries(fields)) {
    const name = field.replace(/\?$/, '');
    known.add(name);
    if (!(name in value)) assert.ok(field.endsWith('?'), `${at}.${name} is missing`);
    else check(value[name], `${at}.${name}`);
  }
  const unknown = Object.keys(value).filter((name) => !known.has(name));
  assert.deepEqual(unknown, [], `${at} has fields that nobody declared`);
};

export const created = object({
  id: text,
  sessionUrl: text,
  'externalId?': text,
  links: list(object({ url: text, type: text })),
});

const user = object({
  id: text,
  email: text,
  firstName: text,
  lastName: text,
  phone: text,
  createdAt: time,
  updatedAt: time,
  organizationId: text, // ours
});

const SIGNALS = [
  'TEXTURE_SMOOTHING', 'BOUNDARY_ARTIFACTS', 'BLINK_FAILURE', 'MOUTH_ANOMALY',
  'TEETH_RENDERING', 'FLAT_ROTATION', 'TEMPORAL_INSTABILITY', 'SKIN_TONE_MISMATCH',
];

export const deepfakeDetectionData = object({
  verdict: oneOf('LIVE', 'DEEPFAKE', 'INCONCLUSIVE'),
  riskScore: score,
  confidence: score,
  avgLayerConfidence: score,
  layerResults: object({
    liveness: object({
      passed: bool,
      checks: object({
        landmarkDetection: bool,
        blinkDetection: bool,
        headMovement: bool,
        frameTiming: bool,
      }),
    }),
    vision: object({ riskScore: score, confidence: score, signals: list(oneOf(...SIGNALS)) }),
    voice: object({ riskScore: score, confidence: nullable(score), wordMatch: nullable(bool) }),
  }),
  analyzedAt: time,
});

const analysisData = object({
  createdAt: time,
  deepfakeDetectionData,
  'deepfakeDetectionEvidence?': anything,
});

export const sessionRecord = object({
  id: text,
  organizationId: text,
  userId: text,
  senderUserId: text,
  'externalId?': text,
  status: oneOf('PENDING', 'SUBMITTED', 'VERIFIED', 'REJECTED', 'VOIDED', 'EXPIRED', 'FAILED'),
  type: oneOf('session'),
  sessionProgress: oneOf('PENDING', 'STARTED', 'COMPLETED'),
  'location?': object({ country: text }),
  'workflowId?': text,
  'workflowSteps?': list(text),
  createdAt: time,
  updatedAt: time,
  'submittedAt?': time,
  'metaData?': object({
    'applicantSubmissionIp?': text,
    'applicantSubmissionDevice?': text,
    'applicantViewTime?': text,
    'applicantSubmissionBrowser?': text,
  }),
  'uploads?': map(bool),
  'analysisData?': analysisData,
  // Ours, beyond what the SDK declares.
  'redirectUrl?': text,
  expiresAt: time,
  attempt: count,
  attemptsLeft: count,
  isFinal: bool,
  reviewRequired: bool,
  analysisPending: bool,
  sequence: count,
  'failureReason?': text,
  'capture?': object({ files: count, bytes: count, receivedAt: time }),
});

export const retrieved = object({
  sessionRecord,
  user,
  senderUser: user,
  resourceLinks: map(text),
});

export const page = object({
  data: list(sessionRecord),
  total: count,
  hasMore: bool,
  limit: count,
  offset: count,
  nextToken: nullable(text),
});

export const problem = object({
  message: text,
  error: object({
    code: text,
    message: text,
    fields: list(object({ field: text, message: text })),
    requestId: text,
    'findings?': anything,
  }),
});
