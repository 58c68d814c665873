// Noise on what text and curves leave at their edges, and nowhere else: flat areas stay exact.

// Changes the pixels of `out` (`w` × `h`, four bytes each, what lies at `ox`, `oy` of `source`) that differ from two or
// more of their four neighbours: by one or two steps in one channel, as the key, the pixel and its neighbours say. So
// the answer does not depend on what else was read, nor on how often. `source` is `sw` wide; of it, `x0 ≤ x < x1` and
// `y0 ≤ y < y1` lie on the canvas. Colours change where the pixel is opaque, else its opacity: `true` comes back then,
// since the colour of such a pixel may have to be rounded anew.
function edgeNoise(key, source, sw, x0, y0, x1, y1, ox, oy, w, h, out) {
  let isSemi = false;
  for (let y = 0; y < h; y++) {
    const sy = y + oy;
    for (let x = 0; x < w; x++) {
      const sx = x + ox;
      const at = sy * sw + sx;
      const pixel = source[at];
      const alpha = pixel >>> 24;
      if (alpha === 0) continue;
      const left = sx > x0 ? source[at - 1] : pixel;
      const right = sx + 1 < x1 ? source[at + 1] : pixel;
      const up = sy > y0 ? source[at - sw] : pixel;
      const down = sy + 1 < y1 ? source[at + sw] : pixel;
      if ((left !== pixel) + (right !== pixel) + (up !== pixel) + (down !== pixel) < 2) continue;
      // WebGL counts its rows from below: what is above and below must be the same to the mixer.
      const bits = prf(key, pixel, left, right, (up + down) | 0, up ^ down);
      const step = (bits & 1 ? 1 : -1) * (1 + ((bits >>> 1) & 1));
      const isOpaque = alpha === 255;
      const channel = (y * w + x) * 4 + (isOpaque ? (bits >>> 8) % 3 : 3);
      const value = out[channel];
      const margin = isOpaque ? 0 : 1;
      out[channel] = value + step < margin || value + step > 255 - margin ? value - step : value + step;
      isSemi ||= !isOpaque;
    }
  }
  return isSemi;
}
