// Asks the gateway; knows nothing of the page.

export class GatewayError extends Error {
  constructor(message, status) {
    super(message);
    // Of the answer; undefined where there was none.
    this.status = status;
  }
}

// The tab forgets it when it is closed. It travels in a header alone: addresses end up in logs and histories.
const STORED_KEY = "darkroom-api-key";

export function apiKey() {
  return sessionStorage.getItem(STORED_KEY) ?? "";
}

export function useApiKey(key) {
  if (key) sessionStorage.setItem(STORED_KEY, key);
  else sessionStorage.removeItem(STORED_KEY);
}

async function answered(response) {
  if (response.ok) return response;
  const document = await response.json().catch(() => ({}));
  const message = document.error || document.reason || `the gateway answered ${response.status}`;
  throw new GatewayError(message, response.status);
}

async function ask(path, { headers = {}, ...options } = {}) {
  const key = apiKey();
  const authorization = key ? { authorization: `Bearer ${key}` } : {};
  let response;
  try {
    response = await fetch(path, { cache: "no-store", headers: { ...headers, ...authorization }, ...options });
  } catch {
    throw new GatewayError("the gateway does not answer");
  }
  return answered(response);
}

export async function readiness() {
  const response = await fetch("readyz", { cache: "no-store" });
  return response.json();
}

export async function versions(model) {
  const response = await ask(`v1/models/${encodeURIComponent(model)}`);
  return (await response.json()).model_version_status;
}

export async function releases() {
  return (await ask("releases")).json();
}

export async function counters() {
  const text = await (await ask("metrics")).text();
  const sums = { requests: 0, errors: 0, inFlight: 0 };
  for (const line of text.split("\n")) {
    const value = Number(line.slice(line.lastIndexOf(" ") + 1));
    if (line.startsWith("darkroom_gateway_requests_total{")) sums.requests += value;
    if (line.startsWith("darkroom_gateway_request_errors_total{")) sums.errors += value;
    if (line.startsWith("darkroom_gateway_in_flight_requests{")) sums.inFlight += value;
  }
  return sums;
}

export async function predict(model, image) {
  const response = await ask(`v1/models/${encodeURIComponent(model)}:predict`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: image,
  });
  return response.json();
}

// The version's own preprocessing: {shape: [1, height, width, channels], values: Float32Array}.
export async function pixels(model, version, image) {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, image.size, true);
  const header = new TextEncoder().encode(
    JSON.stringify({
      parameters: { signature_name: "preprocess" },
      inputs: [
        { name: "image_bytes", datatype: "BYTES", shape: [1], parameters: { binary_data_size: image.size + 4 } },
      ],
      outputs: [{ name: "pixels", parameters: { binary_data: true } }],
    }),
  );
  const path = `v2/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}/infer`;
  const response = await ask(path, {
    method: "POST",
    headers: { "content-type": "application/octet-stream", "inference-header-content-length": String(header.length) },
    body: new Blob([header, length, image]),
  });
  const answer = await response.arrayBuffer();
  const headerLength = Number(response.headers.get("inference-header-content-length"));
  const described = JSON.parse(new TextDecoder().decode(answer.slice(0, headerLength)));
  return { shape: described.outputs[0].shape, values: new Float32Array(answer.slice(headerLength)) };
}
