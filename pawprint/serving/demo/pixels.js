// From a photo's file to the square of pixels that the network sees: what decode_photo in pawprint/dataset/decode.py
// does, step by step, because a browser's own resizing gives other pixels, and other pixels give other answers.

"use strict";

const LANCZOS_SUPPORT = 3;
const REDUCING_GAP = 3;
const PRECISION = 2 ** 22; // Pillow's fixed point for 8-bit pictures
const STRIP_ROWS = 256;

/** Whether a file is a JPEG, whose decoder halves, quarters or eighths a large photo (Pillow's draft mode). */
function isJpeg(bytes) {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** A picture: 8-bit red, green and blue, row by row. */
function makePicture(width, height) {
  return { width, height, data: new Uint8ClampedArray(width * height * 3) };
}

/**
 * Decodes a photo and resizes the square in its middle.
 *
 * @param {Blob} file
 * @param {number} side pixels of the square's side
 * @param {number} maxPixels a photo of more is refused
 * @returns {Promise<{width: number, height: number, data: Uint8ClampedArray}>}
 */
async function decodePhoto(file, side, maxPixels) {
  if (file.size === 0) throw new Error("the file is empty");
  const start = new Uint8Array(await file.slice(0, 3).arrayBuffer());
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error("this browser can't read it as a photo (JPEG, PNG, WebP and GIF work)");
  }
  try {
    return squareOf(bitmap, { side, maxPixels, drafted: isJpeg(start) });
  } finally {
    bitmap.close();
  }
}

/** Resizes the square in the middle of an ImageBitmap, a canvas or a video frame of known width and height. */
function squareOf(source, { side, maxPixels, drafted }) {
  const { width, height } = source;
  if (width * height > maxPixels) throw new Error(`${width}×${height} are more than ${maxPixels} pixels`);
  const room = Math.min(Math.floor(width / side), Math.floor(height / side));
  const draft = drafted ? [8, 4, 2, 1].find((factor) => room >= factor) ?? 1 : 1;
  const picture = readPicture(source, draft);
  const short = Math.min(picture.width, picture.height);
  const left = (picture.width - short) / 2;
  const top = (picture.height - short) / 2;
  return resize(picture, side, [left, top, left + short, top + short]);
}

/** Reads pixels strip by strip, so that no phone's limit on a canvas is met, each `factor` × `factor` averaged. */
function readPicture(source, factor) {
  const { width, height } = source;
  const picture = makePicture(Math.ceil(width / factor), Math.ceil(height / factor));
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.min(height, STRIP_ROWS * factor);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let first = 0; first < height; first += canvas.height) {
    const rows = Math.min(canvas.height, height - first);
    context.fillStyle = "white"; // what is transparent is laid on white
    context.fillRect(0, 0, width, canvas.height);
    context.drawImage(source, 0, -first);
    const strip = context.getImageData(0, 0, width, rows).data;
    average({ width, height: rows, data: strip, channels: 4 }, picture, factor, factor, first / factor);
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
function resize(picture, side, box) {
  const factor = Math.max(1, Math.floor((box[2] - box[0]) / side / REDUCING_GAP));
  if (factor > 1) {
    const margin = ((LANCZOS_SUPPORT - 0.5) * (box[2] - box[0])) / side;
    const left = Math.max(0, Math.trunc(box[0] - margin));
    const top = Math.max(0, Math.trunc(box[1] - margin));
    const right = Math.min(picture.width, Math.ceil(box[2] + margin));
    const bottom = Math.min(picture.height, Math.ceil(box[3] + margin));
    const cut = crop(picture, left, top, right, bottom);
    picture = makePicture(Math.ceil(cut.width / factor), Math.ceil(cut.height / factor));
    average({ ...cut, channels: 3 }, picture, factor, factor);
    box = [(box[0] - left) / factor, (box[1] - top) / factor, (box[2] - left) / factor, (box[3] - top) / factor];
  }
  const rows = (from) => alongRows(from, side, box[0], box[2]);
  const columns = (from) => alongColumns(from, side, box[1], box[3]);
  // What is in between is rounded to 8 bits, so the order shows. Pillow takes the one that costs it less; this is where
  // Pillow 13 turns, as found by trying.
  const columnsFirst = picture.height > side && picture.height + side > 2 * picture.width;
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
