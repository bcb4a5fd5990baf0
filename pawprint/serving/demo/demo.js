// The page itself: takes photos from files, the clipboard or the camera, asks the network, and shows what it said.

const element = (id) => document.getElementById(id);
const settings = JSON.parse(element("settings").textContent);
const MAX_BARS = 5;

/** Unpacks what the page carries: gzip in base64. */
async function unpack(id) {
  const holder = element(id);
  const text = atob(holder.textContent);
  holder.remove(); // its megabytes are no longer needed
  const bytes = Uint8Array.from(text, (sign) => sign.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Starts ONNX Runtime from the page's own bytes and loads the network. */
async function loadNetwork() {
  const address = URL.createObjectURL(new Blob([await unpack("runtime")], { type: "text/javascript" }));
  const runtime = await import(address);
  URL.revokeObjectURL(address);
  runtime.env.wasm.numThreads = 1; // threads would need a server that isolates the page
  runtime.env.wasm.wasmBinary = await unpack("wasm");
  const session = await runtime.InferenceSession.create(await unpack("network"), { executionProviders: ["wasm"] });
  return { session, Tensor: runtime.Tensor };
}

const loading = loadNetwork();

/**
 * Asks the network about a square of pixels.
 *
 * @returns {Promise<{probabilities: number[], unlikeness: ?number, evidence: ?{rows: number, columns: number, values: Float32Array}}>}
 */
async function ask(picture) {
  const { session, Tensor } = await loading;
  const pixels = new Tensor("float32", Float32Array.from(picture.data), [1, picture.height, picture.width, 3]);
  const said = await session.run({ pixels });
  const map = said.evidence;
  return {
    probabilities: Array.from(said.probabilities.data),
    unlikeness: said.unlikeness ? said.unlikeness.data[0] : null,
    evidence: map ? { rows: map.dims[1], columns: map.dims[2], values: map.data } : null,
  };
}

/** A photo's file, answered: what the tests ask too. */
async function answerFile(file) {
  const picture = await decodePhoto(file, settings);
  return { picture, ...(await ask(picture)) };
}

const best = (probabilities) => probabilities.indexOf(Math.max(...probabilities));
const percent = (share) => `${(100 * share).toFixed(1)} %`;

function show({ picture, probabilities, unlikeness, evidence }, name) {
  const winner = best(probabilities);
  element("answer").hidden = false;
  element("verdict").textContent = `${settings.classNames[winner]}, ${percent(probabilities[winner])}`;
  element("caption").textContent = name;
  element("unlike").hidden = !(unlikeness > 1); // null is not
  element("decision").hidden = !settings.decision;
  if (settings.decision) element("decision").textContent = describeDecision(probabilities, unlikeness, winner);
  showBars(probabilities);
  showPhoto(picture);
  element("toggle").hidden = !evidence;
  element("explain").textContent = evidence
    ? `Yellow to red: what spoke for ${settings.classNames[winner]} rather than for the rest. The network's score is ` +
      "the mean of this map over the photo (class activation map)."
    : "This network mixes all places before it answers, so it has no map of where it found it.";
  if (evidence) showMap(evidence, winner);
}

function describeDecision(probabilities, unlikeness, winner) {
  const { answer, given } = decide(probabilities, unlikeness, settings.decision);
  if (!given) return "It does not answer this by itself: ask a person.";
  if (answer === winner) return "It is sure enough to answer this by itself.";
  return `It answers ${settings.classNames[answer]} by itself, which costs least in the long run.`;
}

function showBars(probabilities) {
  const order = probabilities.map((_, place) => place).sort((a, b) => probabilities[b] - probabilities[a]);
  element("bars").replaceChildren(
    ...order.slice(0, MAX_BARS).map((place) => {
      const row = document.createElement("li");
      const line = row.appendChild(document.createElement("div"));
      line.className = "line";
      for (const [kind, text] of [["name", settings.classNames[place]], ["value", percent(probabilities[place])]]) {
        const part = line.appendChild(document.createElement("span"));
        part.className = kind;
        part.textContent = text;
      }
      const fill = row.appendChild(document.createElement("div")).appendChild(document.createElement("div"));
      fill.parentElement.className = "track";
      fill.className = "fill";
      fill.style.width = `${100 * probabilities[place]}%`;
      return row;
    }),
  );
}

function showPhoto(picture) {
  const canvas = element("photo");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(picture.width, picture.height);
  for (let from = 0, to = 0; from < picture.data.length; from += 3, to += 4) {
    pixels.data.set(picture.data.subarray(from, from + 3), to);
    pixels.data[to + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

/** Paints what spoke for a class rather than for the mean of the others, where it did. */
function showMap({ rows, columns, values }, winner) {
  const classes = settings.classNames.length;
  const margins = Array.from({ length: rows * columns }, (_, place) => {
    const own = values.subarray(place * classes, (place + 1) * classes);
    const all = own.reduce((sum, value) => sum + value, 0);
    return own[winner] - (all - own[winner]) / (classes - 1);
  });
  const most = Math.max(...margins.map(Math.abs), Number.MIN_VALUE);
  const canvas = element("map");
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  margins.forEach((margin, place) => {
    const share = Math.max(0, margin / most);
    pixels.data.set([255, 220 * (1 - share), 0, 160 * share], place * 4);
  });
  context.putImageData(pixels, 0, 0); // the browser stretches it smoothly over the photo
}

function complain(name, error) {
  const line = element("error");
  line.textContent = line.textContent ? `${line.textContent} ` : "";
  line.textContent += `${name}: ${error.message}.`;
  line.hidden = false;
}

/** Answers the photos one after the other; the last one stays in sight. */
async function take(files) {
  element("error").textContent = "";
  element("error").hidden = true;
  for (const file of files) {
    element("status").textContent = `Looking at ${file.name}…`;
    await new Promise((done) => setTimeout(done)); // lets the page paint that line first
    const started = performance.now();
    try {
      const said = await answerFile(file);
      show(said, file.name);
      const winner = best(said.probabilities);
      element("status").textContent =
        `${file.name}: ${settings.classNames[winner]}, ${percent(said.probabilities[winner])}, ` +
        (said.unlikeness > 1 ? "but unlike anything it learned from, " : "") +
        `in ${((performance.now() - started) / 1000).toFixed(2)} s on this device.`;
    } catch (error) {
      element("status").textContent = "";
      complain(file.name, error);
    }
  }
}

// One batch of photos after the other, whoever gives them.
let queue = Promise.resolve();
const enqueue = (files) => {
  if (files.length) queue = queue.then(() => take(files));
};

function listen() {
  const drop = element("drop");
  element("file").addEventListener("change", (event) => {
    enqueue([...event.target.files]);
    event.target.value = ""; // so that the same photo can be chosen again
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    enqueue([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => enqueue([...event.clipboardData.files]));
  element("show").addEventListener("change", (event) => {
    element("map").hidden = !event.target.checked;
  });
  listenToCamera();
}

function listenToCamera() {
  const [video, viewfinder, open] = ["video", "viewfinder", "camera"].map(element);
  if (!navigator.mediaDevices?.getUserMedia) return;
  open.hidden = false;
  const close = () => {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    viewfinder.hidden = true;
    open.hidden = false;
    open.focus();
  };
  open.addEventListener("click", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      await video.play();
    } catch (error) {
      complain("The camera can't be used", error);
      return;
    }
    open.hidden = true;
    viewfinder.hidden = false;
    element("shoot").focus();
  });
  element("stop").addEventListener("click", close);
  element("shoot").addEventListener("click", () => {
    const frame = document.createElement("canvas");
    frame.width = video.videoWidth;
    frame.height = video.videoHeight;
    frame.getContext("2d").drawImage(video, 0, 0);
    close();
    frame.toBlob((blob) => enqueue([new File([blob], "the camera's photo", { type: "image/png" })]), "image/png");
  });
}

listen();
loading.then(
  () => {
    element("file").disabled = false;
    element("camera").disabled = false;
    element("status").textContent = "Ready.";
  },
  (error) => {
    element("status").textContent = "";
    complain("The network can't be loaded in this browser", error);
  },
);
