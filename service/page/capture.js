// The applicant's page: asks, records, sends. It decides nothing and learns no score.

const FRAMES_PER_S = 10;
const LONGEST_SIDE_PX = 960;
const JPEG_QUALITY = 0.9;
const STEP_S = { neutral: 2, blink: 3.5, turn_left: 3.5, turn_right: 3.5, speak: 5 };
const AUDIO_TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const ANSWERS = {
  CAPTURE_TOKEN_USED: "used", SESSION_TERMINAL: "used", CAPTURE_TOKEN_EXPIRED: "expired",
  CAPTURE_TOKEN_UNKNOWN: "unknown", TOO_MANY_REQUESTS: "busy", NOT_READY: "busy",
  ANALYSIS_BUSY: "busy",
};
const FINAL = new Set(["used", "expired", "unknown", "insecure", "unsupported"]);

const $ = (id) => document.getElementById(id);
const token = location.pathname.split("/").pop();
const api = `/v1/captures/${encodeURIComponent(token)}`;
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

let texts = {};
let invitation = null;
let media = null;

/** A reason to stop that the applicant is told; `text` is a key of texts.json. */
class Problem extends Error {
  constructor(text, hints = []) {
    super(text);
    this.text = text;
    this.hints = hints;
  }
}

function show(section, text) {
  for (const id of ["consent", "camera", "again", "hints"]) $(id).hidden = id !== section;
  document.body.dataset.state = text;
  $("message").textContent = texts[text] ?? text;
}

function showProblem(error) {
  stopMedia();
  const text = error instanceof Problem ? error.text : "failed";
  show(FINAL.has(text) ? "" : "again", text);
  const hints = error instanceof Problem ? error.hints : [];
  $("hints").replaceChildren(...hints.map((hint) => {
    const item = document.createElement("li");
    item.textContent = hint;
    return item;
  }));
  $("hints").hidden = hints.length === 0;
}

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Problem("offline");
  }
  if (response.ok) return response.json();
  const { error = {} } = await response.json().catch(() => ({}));
  if (error.code === "INVALID_MEDIA") {
    throw new Problem("try_again", (error.findings ?? []).map((finding) => finding.hint));
  }
  const problem = new Problem(ANSWERS[error.code] ?? "failed");
  problem.waitS = Number(response.headers.get("Retry-After")) || 0;
  throw problem;
}

/** Asks again while the service is busy: nobody should have to record twice for that. */
async function askPatiently(url, options) {
  for (let triesLeft = 5; ; triesLeft -= 1) {
    try {
      return await ask(url, options);
    } catch (problem) {
      if (!problem.waitS || triesLeft === 0) throw problem;
      await pause(problem.waitS * (0.5 + Math.random()));
    }
  }
}

async function openMedia() {
  if (!window.isSecureContext) throw new Problem("insecure");
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) throw new Problem("unsupported");
  show("", "asking");
  const video = { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 720 } };
  // The detector judges the voice itself: what a browser would smooth away is evidence.
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  try {
    media = await navigator.mediaDevices.getUserMedia({ video, audio });
  } catch (error) {
    const reasons = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "no_device",
      OverconstrainedError: "no_device", NotReadableError: "in_use", AbortError: "in_use" };
    throw new Problem(reasons[error.name] ?? "failed");
  }
  $("preview").srcObject = media;
  await $("preview").play();
  showLevel();
}

function stopMedia() {
  media?.getTracks().forEach((track) => track.stop());
  media = null;
}

function showLevel() {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(media).connect(analyser);
  const samples = new Uint8Array(analyser.fftSize);
  const own = media;
  (function update() {
    if (media !== own) {
      context.close();
      return;
    }
    analyser.getByteTimeDomainData(samples);
    $("level").value = Math.min(1, Math.max(...samples.map((one) => Math.abs(one - 128))) / 64);
    setTimeout(update, 100);
  })();
}

/** Takes pictures until stopped; each with its time and the step on screen. */
class FrameTaker {
  constructor(startMs) {
    this.startMs = startMs;
    this.frames = [];
    this.step = null;
    this.pending = [];
    const video = $("preview");
    const scale = Math.min(1, LONGEST_SIDE_PX / Math.max(video.videoWidth, video.videoHeight, 1));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.round(video.videoWidth * scale);
    this.canvas.height = Math.round(video.videoHeight * scale);
    this.timer = setInterval(() => this.take(), 1000 / FRAMES_PER_S);
  }

  take() {
    const { canvas, step } = this;
    const seconds = (performance.now() - this.startMs) / 1000;
    canvas.getContext("2d").drawImage($("preview"), 0, 0, canvas.width, canvas.height);
    this.pending.push(new Promise((resolve) => {
      canvas.toBlob((blob) => {
        if (blob) this.frames.push({ blob, t_s: seconds, step });
        resolve();
      }, "image/jpeg", JPEG_QUALITY);
    }));
  }

  async stop() {
    clearInterval(this.timer);
    await Promise.all(this.pending);
    return this.frames.sort((one, other) => one.t_s - other.t_s);
  }
}

/** What the browser says of the camera; a virtual one often says its own name. */
function deviceOf(stream) {
  const [track] = stream.getVideoTracks();
  const { width, height, frameRate } = track.getSettings();
  const number = (value, most) => (value > 0 ? Math.min(value, most) : 0);
  // By whole characters: half a one is no JSON.
  const label = [...track.label].slice(0, 150).join("");
  return {
    label,
    width: Math.round(number(width, 1e5)),
    height: Math.round(number(height, 1e5)),
    frame_rate: number(frameRate, 1e4),
  };
}

function startSound(startMs) {
  const mimeType = AUDIO_TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  const options = mimeType ? { mimeType } : {};
  const recorder = new MediaRecorder(new MediaStream(media.getAudioTracks()), options);
  const parts = [];
  const sound = { start_s: 0 };
  recorder.onstart = () => { sound.start_s = (performance.now() - startMs) / 1000; };
  recorder.ondataavailable = (event) => parts.push(event.data);
  sound.stop = () => new Promise((resolve) => {
    recorder.onstop = () => resolve(new Blob(parts, { type: recorder.mimeType }));
    recorder.stop();
  });
  recorder.start();
  return sound;
}

async function record() {
  $("record").hidden = true;
  $("level-label").hidden = true;
  $("progress").hidden = false;
  let interrupted = false;
  const onHidden = () => { interrupted ||= document.hidden; };
  document.addEventListener("visibilitychange", onHidden);
  media.getTracks().forEach((track) => track.addEventListener("ended", () => { interrupted = true; }));

  const { steps, phrase, language } = invitation.challenge;
  const device = deviceOf(media);
  const startMs = performance.now();
  const clientTimeS = Date.now() / 1000;
  const sound = startSound(startMs);
  const taker = new FrameTaker(startMs);
  const prompts = [];
  show("camera", "recording");
  for (const [index, step] of steps.entries()) {
    $("prompt").textContent = texts[step];
    $("words").textContent = phrase;
    $("words").lang = language;
    $("words").hidden = step !== "speak";
    $("progress").value = index / steps.length;
    prompts.push({ step, t_s: (performance.now() - startMs) / 1000 });
    taker.step = step;
    await pause(STEP_S[step] ?? 3);
  }
  $("prompt").textContent = "";
  $("words").hidden = true;
  const [frames, audio] = [await taker.stop(), await sound.stop()];
  document.removeEventListener("visibilitychange", onHidden);
  stopMedia();
  if (interrupted || frames.length === 0) throw new Problem("interrupted");
  return { frames, audio, prompts, clientTimeS, soundStartS: sound.start_s, device };
}

function formOf({ frames, audio, prompts, clientTimeS, soundStartS, device }) {
  const form = new FormData();
  const entries = frames.map(({ t_s, step }, index) => ({ file: `${index}.jpg`, t_s, step }));
  frames.forEach(({ blob }, index) => form.append("frames", blob, `${index}.jpg`));
  if (audio.size > 0) form.append("audio", audio, "audio");
  const capture = {
    version: 1, frames: entries, prompts, client_time_s: clientTimeS, mirrored: false, device,
  };
  if (audio.size > 0) capture.audio = { file: "audio", start_s: soundStartS };
  form.append("capture", new Blob([JSON.stringify(capture)], { type: "application/json" }), "capture.json");
  return form;
}

async function send(recorded) {
  show("", "sending");
  const accepted = await askPatiently(api, { method: "POST", body: formOf(recorded) });
  show("", accepted.redirect_url ? "leaving" : "done");
  if (accepted.redirect_url) location.assign(accepted.redirect_url);
}

function prepareCamera() {
  for (const id of ["record", "level-label"]) $(id).hidden = false;
  $("progress").hidden = true;
  $("prompt").textContent = "";
  show("camera", "ready");
  $("record").focus();
}

/** Runs one part of the way; whatever goes wrong in it is shown with a way on. */
const guarded = (part) => async () => {
  try {
    await part();
  } catch (error) {
    showProblem(error);
  }
};

const begin = guarded(async () => {
  const language = navigator.language.slice(0, 2);
  const all = await ask("/page/texts.json");
  texts = all[language] ?? all.en;
  document.documentElement.lang = all[language] ? language : "en";
  document.title = $("title").textContent = texts.title;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = texts[element.dataset.text];
  }
  invitation = await ask(api);
  show("consent", "consent_intro");
});

$("agree").addEventListener("click", guarded(async () => {
  await openMedia();
  prepareCamera();
}));
$("record").addEventListener("click", guarded(async () => send(await record())));
$("again").addEventListener("click", begin);
begin();
