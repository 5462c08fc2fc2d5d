// The page: an image in, its prediction as bars, the picture as the model saw it, and the server's state.

import { GatewayError, apiKey, counters, pixels, predict, readiness, releases, useApiKey, versions } from "./model.js";

const STATE_SECONDS = 5;
const at = (id) => document.getElementById(id);
let model = null;
let turn = 0;
let shownUrl = null;

function terms(list, entries) {
  list.replaceChildren(
    ...entries.flatMap(([name, value, kind]) => {
      const term = document.createElement("dt");
      term.textContent = name;
      const text = document.createElement("dd");
      text.textContent = value;
      if (kind) text.className = kind;
      return [term, text];
    }),
  );
}

// What this key may not see is left out, and what no key was sent for is asked again once there is one.
async function orWithoutAccess(entries, name, look) {
  try {
    await look();
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) throw error;
    if (error.status === 401) wantKey();
    entries.push([name, error.message, "faint"]);
  }
}

function wantKey() {
  at("access").hidden = false;
}

const named = (target) => (typeof target === "number" ? `version ${target}` : `label ${target}`);
const share = (part) => `${Number((part * 100).toFixed(2))} % of the requests`;

function releaseEntries({ stable, canary, shadow }) {
  const entries = [];
  if (stable) entries.push(["stable", `${named(stable.target)}${stable.loaded ? "" : ", not loaded yet"}`, stable.loaded ? "good" : "bad"]);
  if (canary) {
    const text = canary.stopped ? `stopped: ${canary.reason}` : share(canary.weight);
    entries.push(["canary", `${named(canary.target)}, ${text}`, canary.stopped ? "bad" : ""]);
  }
  if (shadow) entries.push(["shadow", `${named(shadow.target)}, ${share(shadow.share)}`, ""]);
  return entries;
}

async function showState() {
  const entries = [];
  let text = "does not answer";
  let kind = "bad";
  try {
    const ready = await readiness();
    text = ready.status;
    kind = ready.status === "ready" ? "good" : "bad";
    if (ready.reason) entries.push(["why not", ready.reason, "bad"]);
    if (ready.model) {
      model = ready.model;
      entries.push(["model", model]);
      await orWithoutAccess(entries, "versions", async () => {
        for (const { version, state, status } of await versions(model)) {
          const reason = status?.error_message ? `: ${status.error_message}` : "";
          entries.push([`version ${version}`, `${state}${reason}`, state === "AVAILABLE" ? "good" : "faint"]);
        }
      });
    }
    await orWithoutAccess(entries, "releases", async () => {
      entries.push(...releaseEntries(await releases()));
    });
    await orWithoutAccess(entries, "requests", async () => {
      const sums = await counters();
      entries.push(["requests", `${sums.requests} answered, ${sums.errors} with an error, ${sums.inFlight} in flight`]);
    });
  } catch (error) {
    entries.push(["problem", error.message, "bad"]);
  }
  at("state").textContent = text;
  at("state").className = kind;
  terms(at("server"), entries);
}

function bar(name, value, text) {
  const item = document.createElement("li");
  const line = document.createElement("div");
  line.className = "bar-text";
  const label = document.createElement("span");
  label.textContent = name;
  const number = document.createElement("span");
  number.textContent = text;
  line.append(label, number);
  item.append(line);
  if (value !== null) {
    const meter = document.createElement("meter");
    meter.value = value;
    meter.setAttribute("aria-label", `${name}: ${text}`);
    item.append(meter);
  }
  return item;
}

function showPrediction(answer) {
  const [found] = answer.predictions;
  const percent = (value) => `${(value * 100).toFixed(1)} %`;
  at("bars").replaceChildren(
    ...(found.top_k
      ? found.top_k.map(({ label, confidence }) => bar(label, confidence, percent(confidence)))
      : [bar("value", null, String(found.value))]),
  );
  at("original-size").textContent = `: ${found.image.format}, ${found.image.width} × ${found.image.height}`;
  terms(at("answered"), [
    ["model", answer.model.name],
    ["version", answer.model.version],
    ["preprocessing", answer.preprocessing_version ?? "not told"],
    ["time", `${answer.timing_ms.total.toFixed(1)} ms, of which the model ${answer.timing_ms.model.toFixed(1)} ms`],
  ]);
}

// The model's scaling is undone by stretching the values that there are over black to white.
function paint(canvas, { shape, values }) {
  const [, height, width, channels] = shape;
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const scale = high > low ? 255 / (high - low) : 0;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    for (let color = 0; color < 3; color += 1) {
      const value = values[pixel * channels + (channels >= 3 ? color : 0)];
      image.data[pixel * 4 + color] = (value - low) * scale;
    }
    image.data[pixel * 4 + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

async function showSeen(answer, image, mine) {
  let missing = "";
  try {
    const found = await pixels(answer.model.name, answer.model.version, image);
    if (mine !== turn) return;
    paint(at("seen"), found);
    at("seen-size").textContent = `: ${found.shape[2]} × ${found.shape[1]}, contrast stretched`;
  } catch (error) {
    if (mine !== turn) return;
    missing = `What the model saw can't be shown: ${error.message}`;
  }
  at("seen-figure").hidden = missing !== "";
  at("seen-missing").hidden = missing === "";
  at("seen-missing").textContent = missing;
}

function showOriginal(image) {
  if (shownUrl) URL.revokeObjectURL(shownUrl);
  shownUrl = URL.createObjectURL(image);
  at("original").src = shownUrl;
}

async function use(image) {
  turn += 1;
  const mine = turn;
  document.body.setAttribute("aria-busy", "true");
  at("error").hidden = true;
  try {
    if (model === null) await showState();
    if (model === null) throw new GatewayError("the server is not ready yet");
    const answer = await predict(model, image);
    if (mine !== turn) return;
    showOriginal(image);
    showPrediction(answer);
    await showSeen(answer, image, mine);
    at("answer").hidden = false;
  } catch (error) {
    if (mine !== turn) return;
    if (error.status === 401) wantKey();
    at("answer").hidden = true;
    at("error").textContent = error.message;
    at("error").hidden = false;
  } finally {
    if (mine === turn) document.body.removeAttribute("aria-busy");
  }
}

const firstImage = (files) => [...files].find((file) => file.type.startsWith("image/")) ?? files[0];

at("drop").addEventListener("click", () => at("file").click());
at("file").addEventListener("change", () => {
  const chosen = at("file").files[0];
  // The same file may be chosen again, after it was changed.
  at("file").value = "";
  if (chosen) use(chosen);
});
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, () => at("drop").classList.remove("over"));
}
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const dropped = firstImage(event.dataTransfer.files);
  if (dropped) use(dropped);
});
document.addEventListener("paste", (event) => {
  const pasted = firstImage(event.clipboardData.files);
  if (pasted) use(pasted);
});

function takeKey(key) {
  useApiKey(key);
  at("key").value = "";
  at("access").hidden = true;
  at("forget").hidden = !key;
  at("error").hidden = true;
  showState();
}
at("access").addEventListener("submit", (event) => {
  event.preventDefault();
  takeKey(at("key").value.trim());
});
at("forget").addEventListener("click", () => takeKey(""));
at("forget").hidden = !apiKey();

showState();
setInterval(() => {
  if (!document.hidden) showState();
}, STATE_SECONDS * 1000);
