// From a photo's file to the square of pixels that the network sees: what decode_photo in pawprint/dataset/decode.py
// does, step by step, because a browser's own resizing gives other pixels, and other pixels give other answers.

"use strict";

const LANCZOS_SUPPORT = 3;
const REDUCING_GAP = 3;
const PRECISION = 2 ** 22; // Pillow's fixed point for 8-bit pictures
const STRIP_ROWS = 256;
const BARS = 127; // the grey beside a padded photo
// Of the pixels that are seen (alpha), how many are nearly white, so that the photo is laid on black.
const VISIBLE = 32, NEARLY_WHITE = 224, MOST = 0.95;

/** Whether a file is a JPEG, whose decoder halves, quarters or eighths a large photo (Pillow's draft mode). */
function isJpeg(bytes) {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** A picture: 8-bit red, green and blue, row by row. */
function makePicture(width, height) {
  return { width, height, data: new Uint8ClampedArray(width * height * 3) };
}

/** Whether a file is a PNG of 16 bits of grey, of which a browser shows the upper 8. */
function isDeepPng(bytes) {
  return bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[24] === 16 && bytes[25] === 0;
}

/**
 * Decodes a photo into a square.
 *
 * @param {Blob} file
 * @param {object} settings
 * @param {number} settings.imageSize pixels of the square's side
 * @param {number} settings.maxPixels a photo of more is refused
 * @param {string} settings.fit "crop", "pad" or "squash"
 * @param {?number[]} settings.integers the range of 16-bit pixels that the model learned with
 * @returns {Promise<{width: number, height: number, data: Uint8ClampedArray}>}
 */
async function decodePhoto(file, { imageSize: side, maxPixels, fit, integers }) {
  if (file.size === 0) throw new Error("the file is empty");
  const start = new Uint8Array(await file.slice(0, 26).arrayBuffer());
  if (integers && isDeepPng(start)) throw new Error("a browser can't show 16 bits as the network learned them");
  let bitmap;
  try {
    // By default a colour profile is applied, as it is in training.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error("this browser can't read it as a photo (JPEG, PNG, WebP and GIF work)");
  }
  try {
    return squareOf(bitmap, { side, maxPixels, fit, drafted: isJpeg(start) });
  } finally {
    bitmap.close();
  }
}

/** Resizes an ImageBitmap, a canvas or a video frame of known width and height into a square. */
function squareOf(source, { side, maxPixels, fit, drafted }) {
  const { width, height } = source;
  if (width * height > maxPixels) throw new Error(`${width}×${height} are more than ${maxPixels} pixels`);
  const needed = neededSize(source, side, fit);
  const room = Math.min(Math.floor(width / needed[0]), Math.floor(height / needed[1]));
  const draft = drafted ? [8, 4, 2, 1].find((factor) => room >= factor) ?? 1 : 1;
  const ground = drafted ? "white" : chooseGround(source); // a JPEG has no transparency
  return fitSquare(readPicture(source, draft, ground), side, fit);
}

/** The pixels in width and height that a photo needs to have for a square of `side` pixels. */
function neededSize({ width, height }, side, fit) {
  if (fit !== "pad") return [side, side];
  const longest = Math.max(width, height);
  return [width, height].map((edge) => Math.max(1, Math.floor((2 * edge * side + longest) / (2 * longest))));
}

/** Makes a square of a picture: its middle, all of it between bars, or all of it distorted. */
function fitSquare(picture, side, fit) {
  const { width, height } = picture;
  if (fit === "crop") {
    const short = Math.min(width, height);
    const left = (width - short) / 2;
    const top = (height - short) / 2;
    return resize(picture, [side, side], [left, top, left + short, top + short]);
  }
  const small = resize(picture, neededSize(picture, side, fit), [0, 0, width, height]);
  if (small.width === side && small.height === side) return small;
  const square = makePicture(side, side);
  square.data.fill(BARS);
  const left = Math.floor((side - small.width) / 2);
  const top = Math.floor((side - small.height) / 2);
  for (let row = 0; row < small.height; row += 1) {
    const line = small.data.subarray(row * small.width * 3, (row + 1) * small.width * 3);
    square.data.set(line, ((top + row) * side + left) * 3);
  }
  return square;
}

/** Yields an image's pixels, red, green, blue and alpha, in strips of so many rows. */
function* readStrips(source, rowsEach, ground) {
  const { width, height } = source;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.min(height, rowsEach);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let first = 0; first < height; first += canvas.height) {
    const rows = Math.min(canvas.height, height - first);
    context.clearRect(0, 0, width, canvas.height);
    if (ground) {
      context.fillStyle = ground; // what is transparent is laid on it
      context.fillRect(0, 0, width, canvas.height);
    }
    context.drawImage(source, 0, -first);
    yield { first, rows, data: context.getImageData(0, 0, width, rows).data };
  }
}

/** Chooses what an image is laid on: white, or black where on white nothing would be seen. */
function chooseGround(source) {
  let visible = 0, nearlyWhite = 0, opaque = true;
  for (const { data } of readStrips(source, STRIP_ROWS, null)) {
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] < 255) opaque = false;
      if (data[at + 3] < VISIBLE) continue;
      visible += 1;
      if (Math.min(data[at], data[at + 1], data[at + 2]) >= NEARLY_WHITE) nearlyWhite += 1;
    }
  }
  return !opaque && visible && nearlyWhite >= MOST * visible ? "black" : "white";
}

/** Reads pixels strip by strip, so that no phone's limit on a canvas is met, each `factor` × `factor` averaged. */
function readPicture(source, factor, ground) {
  const { width, height } = source;
  const picture = makePicture(Math.ceil(width / factor), Math.ceil(height / factor));
  for (const { first, rows, data } of readStrips(source, STRIP_ROWS * factor, ground)) {
    average({ width, height: rows, data, channels: 4 }, picture, factor, factor, first / factor);
  }
  return picture;
}

/** Averages boxes of pixels into `target`, from its row `firstRow` on; the last boxes may be smaller. */
function average(source, target, factorX, factorY, firstRow = 0) {
  const { width, height, data, channels } = source;
  const rows = Math.ceil(height / factorY);
  for (let row = 0; row < rows; row += 1) {
    const bottom = Math.min((row + 1) * factorY, height);
    for (let column = 0; column < target.width; column += 1) {
      const right = Math.min((column + 1) * factorX, width);
      let red = 0, green = 0, blue = 0, count = 0;
      for (let y = row * factorY; y < bottom; y += 1) {
        for (let at = (y * width + column * factorX) * channels, x = column * factorX; x < right; x += 1) {
          red += data[at];
          green += data[at + 1];
          blue += data[at + 2];
          at += channels;
          count += 1;
        }
      }
      const to = ((firstRow + row) * target.width + column) * 3;
      // Pillow's division in fixed point, which takes a little off: an exact half goes down where it would go up.
      const share = Math.floor(2 ** 24 / count) / 2 ** 24;
      const half = count >> 1;
      target.data[to] = Math.floor((red + half) * share);
      target.data[to + 1] = Math.floor((green + half) * share);
      target.data[to + 2] = Math.floor((blue + half) * share);
    }
  }
}

/** Pillow's Image.resize(…, LANCZOS, box, reducing_gap=3.0): average whole boxes first where much is to go. */
function resize(picture, [wide, high], box) {
  if (picture.width === wide && picture.height === high && box[0] === 0 && box[1] === 0) return picture;
  const factorX = Math.max(1, Math.floor((box[2] - box[0]) / wide / REDUCING_GAP));
  const factorY = Math.max(1, Math.floor((box[3] - box[1]) / high / REDUCING_GAP));
  if (factorX > 1 || factorY > 1) {
    const marginX = ((LANCZOS_SUPPORT - 0.5) * (box[2] - box[0])) / wide;
    const marginY = ((LANCZOS_SUPPORT - 0.5) * (box[3] - box[1])) / high;
    const left = Math.max(0, Math.trunc(box[0] - marginX));
    const top = Math.max(0, Math.trunc(box[1] - marginY));
    const right = Math.min(picture.width, Math.ceil(box[2] + marginX));
    const bottom = Math.min(picture.height, Math.ceil(box[3] + marginY));
    const cut = crop(picture, left, top, right, bottom);
    picture = makePicture(Math.ceil(cut.width / factorX), Math.ceil(cut.height / factorY));
    average({ ...cut, channels: 3 }, picture, factorX, factorY);
    box = [(box[0] - left) / factorX, (box[1] - top) / factorY, (box[2] - left) / factorX, (box[3] - top) / factorY];
  }
  const rows = (from) => alongRows(from, wide, box[0], box[2]);
  const columns = (from) => alongColumns(from, high, box[1], box[3]);
  // What is in between is rounded to 8 bits, so the order shows. Pillow takes the one that costs it less; this is where
  // Pillow 13 turns for squares, as found by trying. Where it is another for other shapes, pixels differ by one level.
  const columnsFirst = picture.height > high && wide * (picture.height + high) > 2 * picture.width * high;
  return columnsFirst ? rows(columns(picture)) : columns(rows(picture));
}

function crop(picture, left, top, right, bottom) {
  const cut = makePicture(right - left, bottom - top);
  for (let row = 0; row < cut.height; row += 1) {
    const from = ((top + row) * picture.width + left) * 3;
    cut.data.set(picture.data.subarray(from, from + cut.width * 3), row * cut.width * 3);
  }
  return cut;
}

function lanczos(x) {
  if (x === 0) return 1;
  if (Math.abs(x) >= LANCZOS_SUPPORT) return 0;
  const sinc = (t) => Math.sin(Math.PI * t) / (Math.PI * t);
  return sinc(x) * sinc(x / LANCZOS_SUPPORT);
}

/** What each pixel counts in each resized one: its first source pixel, and whole-number weights. */
function weightsFor(size, side, from, to) {
  const scale = (to - from) / side;
  const stretch = Math.max(1, scale);
  const support = LANCZOS_SUPPORT * stretch;
  return Array.from({ length: side }, (_, place) => {
    const center = from + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(size, Math.trunc(center + support + 0.5));
    const exact = Array.from({ length: last - first }, (_, x) => lanczos((x + first - center + 0.5) / stretch));
    const sum = exact.reduce((total, weight) => total + weight, 0);
    const weights = exact.map((weight) => Math.trunc((weight / sum) * PRECISION + (weight < 0 ? -0.5 : 0.5)));
    return { first, weights };
  });
}

const rounded = (sum) => Math.floor((sum + PRECISION / 2) / PRECISION); // the array clamps to 0..255

function alongRows(picture, side, from, to) {
  const target = makePicture(side, picture.height);
  const weighed = weightsFor(picture.width, side, from, to);
  for (let row = 0; row < picture.height; row += 1) {
    for (let column = 0; column < side; column += 1) {
      const { first, weights } = weighed[column];
      let red = 0, green = 0, blue = 0;
      for (let k = 0, at = (row * picture.width + first) * 3; k < weights.length; k += 1, at += 3) {
        red += picture.data[at] * weights[k];
        green += picture.data[at + 1] * weights[k];
        blue += picture.data[at + 2] * weights[k];
      }
      const place = (row * side + column) * 3;
      target.data[place] = rounded(red);
      target.data[place + 1] = rounded(green);
      target.data[place + 2] = rounded(blue);
    }
  }
  return target;
}

function alongColumns(picture, side, from, to) {
  const target = makePicture(picture.width, side);
  const weighed = weightsFor(picture.height, side, from, to);
  const line = picture.width * 3;
  for (let row = 0; row < side; row += 1) {
    const { first, weights } = weighed[row];
    for (let place = 0; place < line; place += 1) {
      let sum = 0;
      for (let k = 0, at = first * line + place; k < weights.length; k += 1, at += line) {
        sum += picture.data[at] * weights[k];
      }
      target.data[row * line + place] = rounded(sum);
    }
  }
  return target;
}
