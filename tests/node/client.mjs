// What a TypeScript SDK for such sessions does: x-api-key, JSON, 30 s, three retries on 429, 5xx
// and network failures with full jitter, Retry-After honoured. It reads camelCase only.

const RETRIES = 3;
const TIMEOUT_MS = 30_000;
const LONGEST_PAUSE_MS = 60_000;

export class ApiError extends Error {
  constructor(status, body, headers) {
    super(typeof body?.message === 'string' ? body.message : `HTTP ${status}`);
    Object.assign(this, { status, body, headers });
  }
}

export class Client {
  constructor({ baseUrl, apiKey, onRetry = () => {} }) {
    Object.assign(this, { baseUrl, apiKey, onRetry });
  }

  create(input, headers = {}) {
    return this.request('POST', '/v1/sessions', input, headers);
  }

  retrieve(id) {
    return this.request('GET', `/v1/sessions/${encodeURIComponent(id)}`);
  }

  list(params = {}) {
    const query = new URLSearchParams(params).toString();
    return this.request('GET', `/v1/sessions${query ? `?${query}` : ''}`);
  }

  updateStatus(id, status) {
    return this.request('PATCH', `/v1/sessions/${encodeURIComponent(id)}`, { status });
  }

  async request(method, path, body, headers = {}) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.once(method, path, body, headers);
      } catch (error) {
        const mayRepeat = !(error instanceof ApiError) || error.status === 429 || error.status >= 500;
        if (!mayRepeat || attempt === RETRIES) throw error;
        const pause = pauseMs(error, attempt);
        this.onRetry({ error, pause });
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async once(method, path, body, extra) {
    const headers = { 'x-api-key': this.apiKey, accept: 'application/json', ...extra };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const response = await fetch(this.baseUrl + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      redirect: 'error', // an API that redirects loses the body of a POST
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    this.lastHeaders = response.headers;
    if (response.ok) return response.json();
    throw new ApiError(response.status, await response.json().catch(() => null), response.headers);
  }
}

function pauseMs(error, attempt) {
  const asked = Number.parseInt(error.headers?.get('retry-after') ?? '', 10);
  if (!Number.isNaN(asked)) return Math.min(asked * 1000, LONGEST_PAUSE_MS);
  return Math.random() * Math.min(500 * 2 ** attempt, 30_000);
}
