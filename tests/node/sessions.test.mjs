// Run by tests/service/test_node_client.py against a running service whose layers answer DEEPFAKE.
// BONAFIDE_URL, BONAFIDE_PUBLIC_URL, BONAFIDE_KEY (camelCase), BONAFIDE_OTHER_KEY (another tenant).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, Client } from './client.mjs';
import * as shapes from './shapes.mjs';

const { BONAFIDE_URL: baseUrl, BONAFIDE_PUBLIC_URL: publicUrl } = process.env;
const client = new Client({ baseUrl, apiKey: process.env.BONAFIDE_KEY });
const ADA = { firstName: 'Ada', lastName: 'Example', email: 'ada@example.com', phone: '+15550100000' };

async function refused(promise, status, code) {
  const error = await promise.then(() => assert.fail('not refused'), (reason) => reason);
  assert.ok(error instanceof ApiError, String(error));
  shapes.problem(error.body, 'body');
  assert.deepEqual([error.status, error.body.error.code], [status, code]);
  assert.equal(error.message, error.body.error.message);
  assert.equal(error.headers.get('x-request-id'), error.body.error.requestId);
  return error.body.error;
}

function silence() {
  const wave = Buffer.alloc(44 + 16_000);
  wave.write('RIFF', 0);
  wave.writeUInt32LE(36 + 16_000, 4);
  wave.write('WAVEfmt ', 8);
  wave.writeUInt32LE(16, 16);
  wave.writeUInt16LE(1, 20);
  wave.writeUInt16LE(1, 22);
  wave.writeUInt32LE(16_000, 24);
  wave.writeUInt32LE(32_000, 28);
  wave.writeUInt16LE(2, 32);
  wave.writeUInt16LE(16, 34);
  wave.write('data', 36);
  wave.writeUInt32LE(16_000, 40);
  return wave;
}

async function capture(sessionUrl) {
  const path = `${baseUrl}/v1/captures/${sessionUrl.split('/').at(-1)}`;
  const { challenge } = await (await fetch(path)).json();
  const form = new FormData();
  const jpeg = new Blob([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(60)], { type: 'image/jpeg' });
  challenge.steps.forEach((_, index) => form.append('frames', jpeg, `${index}.jpg`));
  form.append('audio', new Blob([silence()], { type: 'audio/wav' }), 'voice.wav');
  const description = {
    version: 1,
    frames: challenge.steps.map((step, index) => ({ file: `${index}.jpg`, t_s: index, step })),
    prompts: challenge.steps.map((step, index) => ({ step, t_s: index })),
    audio: { file: 'voice.wav', start_s: 0 },
    client_time_s: Date.now() / 1000,
    mirrored: false,
  };
  form.append('capture', new Blob([JSON.stringify(description)], { type: 'application/json' }), 'capture.json');
  return fetch(path, { method: 'POST', body: form, redirect: 'error' });
}

async function judged(id) {
  for (let n = 0; n < 400; n += 1) {
    const session = await client.retrieve(id);
    if (!session.sessionRecord.analysisPending) return session;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return assert.fail('the analysis is still pending');
}

test('create and retrieve', async () => {
  const session = await client.create({
    ...ADA, externalId: 'customer-1', redirectUrl: 'https://shop.example.com/done',
    sendEmailInvite: false, sendPhoneInvite: false,
  });
  shapes.created(session, 'created');
  assert.equal(session.externalId, 'customer-1');
  assert.ok(session.sessionUrl.startsWith(`${publicUrl}/s/`));
  assert.deepEqual(session.links, [{ url: session.sessionUrl, type: 'session' }]);
  const found = await client.retrieve(session.id);
  shapes.retrieved(found, 'retrieved');
  const { sessionRecord: record, user } = found;
  assert.deepEqual([record.id, record.status, record.sessionProgress], [session.id, 'PENDING', 'PENDING']);
  assert.deepEqual([record.externalId, record.userId], ['customer-1', user.id]);
  assert.deepEqual([user.firstName, user.lastName, user.email, user.phone], Object.values(ADA));
  assert.deepEqual([record.uploads, record.metaData, found.resourceLinks], [{}, {}, {}]);
  assert.ok(!('analysisData' in record) && !('submittedAt' in record));
});

test('what was not given is absent, not null', async () => {
  const session = await client.create(ADA);
  shapes.created(session, 'created');
  assert.ok(!('externalId' in session));
  assert.ok(!('externalId' in (await client.retrieve(session.id)).sessionRecord));
});

test('a session to its verdict, and back to the integrator', async () => {
  const made = await client.create({ ...ADA, redirectUrl: 'https://shop.example.com/done?order=7' });
  const answer = await capture(made.sessionUrl);
  assert.equal(answer.status, 202);
  const back = new URL((await answer.json()).redirect_url);
  assert.equal(back.origin + back.pathname, 'https://shop.example.com/done');
  assert.deepEqual(Object.fromEntries(back.searchParams), { order: '7', status: 'SUBMITTED', sessionId: made.id });

  const session = await judged(made.id);
  shapes.retrieved(session, 'retrieved');
  const record = session.sessionRecord;
  assert.deepEqual([record.status, record.sessionProgress], ['REJECTED', 'COMPLETED']);
  assert.equal(record.metaData.applicantSubmissionIp, '127.0.0.1');
  assert.ok(record.submittedAt <= record.analysisData.createdAt);
  const data = record.analysisData.deepfakeDetectionData;
  assert.deepEqual(data, {
    verdict: 'DEEPFAKE',
    riskScore: 78,
    confidence: 90,
    avgLayerConfidence: 89,
    layerResults: {
      liveness: {
        passed: true,
        checks: { landmarkDetection: true, blinkDetection: true, headMovement: true, frameTiming: true },
      },
      vision: { riskScore: 82, confidence: 90, signals: ['BOUNDARY_ARTIFACTS', 'TEXTURE_SMOOTHING'] },
      voice: { riskScore: 13, confidence: 88, wordMatch: true },
    },
    analyzedAt: data.analyzedAt,
  });

  const names = Object.keys(session.resourceLinks);
  assert.equal(names.length, 6);
  assert.deepEqual(record.uploads, Object.fromEntries(names.map((name) => [name, true])));
  for (const link of Object.values(session.resourceLinks)) {
    assert.ok(link.startsWith(`${publicUrl}/v1/media/`));
    const media = await fetch(link.replace(publicUrl, baseUrl), { redirect: 'error' });
    assert.equal(media.status, 200);
    assert.ok((await media.arrayBuffer()).byteLength > 0);
  }
  assert.equal((await capture(made.sessionUrl).catch((error) => error)).status ?? 409, 409);
});

test('lists', async () => {
  for (let n = 0; n < 3; n += 1) await client.create({ ...ADA, externalId: 'listed' });
  const everything = await client.list();
  shapes.page(everything, 'page');
  assert.deepEqual([everything.limit, everything.offset], [50, 0]);
  const first = await client.list({ limit: 2, offset: 0, status: 'PENDING' });
  const second = await client.list({ limit: 2, offset: 2, status: 'PENDING' });
  for (const found of [first, second]) {
    shapes.page(found, 'page');
    assert.equal(found.limit, 2);
    assert.ok(found.data.every((one) => one.status === 'PENDING'));
    assert.ok(found.data.every((one) => !one.analysisData?.deepfakeDetectionEvidence));
  }
  assert.deepEqual([first.hasMore, first.data.length, second.offset], [true, 2, 2]);
  assert.equal(new Set([...first.data, ...second.data].map((one) => one.id)).size, first.data.length + second.data.length);
  const next = await client.list({ limit: 2, status: 'PENDING', nextToken: first.nextToken });
  assert.deepEqual(next.data.map((one) => one.id), second.data.map((one) => one.id));
  await refused(client.list({ limit: 501 }), 422, 'VALIDATION_ERROR');
  await refused(client.list({ status: 'NOTHING' }), 422, 'VALIDATION_ERROR');
});

test('decisions by hand, and their conflicts', async () => {
  for (const status of ['VERIFIED', 'REJECTED', 'VOIDED']) {
    const { id } = await client.create(ADA);
    const changed = await client.updateStatus(id, status);
    shapes.retrieved(changed, 'changed');
    assert.deepEqual([changed.sessionRecord.id, changed.sessionRecord.status], [id, status]);
    assert.equal((await client.updateStatus(id, status)).sessionRecord.status, status); // harmless
  }
  const { id } = await client.create(ADA);
  await client.updateStatus(id, 'VOIDED');
  await refused(client.updateStatus(id, 'VERIFIED'), 409, 'SESSION_TERMINAL');
  for (const status of ['PENDING', 'SUBMITTED', 'NOTHING']) {
    const error = await refused(client.updateStatus((await client.create(ADA)).id, status), 422, 'VALIDATION_ERROR');
    assert.equal(error.fields[0].field, 'status');
  }
  const long = await client.request('PATCH', `/v1/sessions/${(await client.create(ADA)).id}/update-status`, { new_status: 'VERIFIED' });
  assert.equal(long.sessionRecord.status, 'VERIFIED');
});

test('a repeated request makes one session', async () => {
  const headers = { 'idempotency-key': `order-${process.pid}` };
  const first = await client.create(ADA, headers);
  const second = await client.create(ADA, headers);
  assert.deepEqual(second, first);
  assert.equal(client.lastHeaders.get('idempotency-replayed'), 'true');
  await refused(client.create({ ...ADA, lastName: 'Other' }, headers), 409, 'IDEMPOTENCY_KEY_REUSED');
});

test('errors', async () => {
  await refused(client.retrieve('no such session'), 404, 'SESSION_NOT_FOUND');
  const wrong = new Client({ baseUrl, apiKey: 'not a key' });
  const error = await wrong.list().catch((reason) => reason);
  assert.deepEqual([error.status, error.body.error.code], [401, 'UNAUTHENTICATED']);
  const invalid = await refused(client.create({ firstName: 'Ada', email: 'nobody', phone: '123' }), 422, 'VALIDATION_ERROR');
  assert.deepEqual(invalid.fields.map((one) => one.field).sort(), ['email', 'lastName', 'phone']);
  await refused(client.create({ ...ADA, redirectUrl: 'http://shop.example.com' }), 422, 'VALIDATION_ERROR');
  await refused(client.request('PUT', '/v1/sessions', {}), 405, 'METHOD_NOT_ALLOWED');
  const other = new Client({ baseUrl, apiKey: process.env.BONAFIDE_OTHER_KEY });
  const { id } = await client.create(ADA);
  await refused(other.retrieve(id), 404, 'SESSION_NOT_FOUND');
  await refused(other.updateStatus(id, 'VERIFIED'), 404, 'SESSION_NOT_FOUND');
  assert.ok((await other.list()).data.every((one) => one.id !== id));
});

test('no answer has a field in snake_case', async () => {
  const { data } = await client.list({ limit: 500 });
  const session = await client.retrieve(data.find((one) => one.status === 'REJECTED' && one.analysisData).id);
  const opaque = new Set(['models', 'features', 'uploads', 'resourceLinks', 'timingsMs']);
  const snake = [];
  (function walk(value, at) {
    if (value === null || typeof value !== 'object') return;
    for (const [name, child] of Object.entries(value)) {
      if (!Array.isArray(value) && /^[a-z]+_[a-z_]+$/.test(name)) snake.push(`${at}.${name}`);
      if (!opaque.has(name)) walk(child, `${at}.${name}`);
    }
  })(session, '');
  assert.deepEqual(snake, []);
});
