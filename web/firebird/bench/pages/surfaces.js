// One reading of each surface, in the realm that is given: `surfaces.all(window)`.
'use strict';

const surfaces = {
  /** Text, a curve and a gradient on 120 × 40 pixels. */
  draw(canvas) {
    const c = canvas.getContext('2d', { willReadFrequently: true });
    c.fillStyle = '#f60';
    c.fillRect(60, 2, 40, 20);
    c.fillStyle = '#069';
    c.font = '15px sans-serif';
    c.fillText('Cwm fjord bank glyphs', 2, 20);
    c.fillStyle = 'rgba(102, 204, 0, 0.7)';
    c.beginPath();
    c.arc(90, 22, 14, 0, 6.283);
    c.fill();
    return c;
  },

  canvasOf(realm) {
    if (realm.document) {
      const canvas = realm.document.createElement('canvas');
      [canvas.width, canvas.height] = [120, 40];
      return canvas;
    }
    return new realm.OffscreenCanvas(120, 40);
  },

  canvas(realm) {
    return hashOf(surfaces.draw(surfaces.canvasOf(realm)).getImageData(0, 0, 120, 40).data);
  },

  /** A shaded triangle, read back by `readPixels`. */
  webgl(realm) {
    const gl = surfaces.canvasOf(realm).getContext('webgl', { preserveDrawingBuffer: true });
    if (!gl) return null;
    surfaces.triangle(gl);
    const pixels = new realm.Uint8Array(120 * 40 * 4);
    gl.readPixels(0, 0, 120, 40, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    return hashOf(pixels);
  },

  triangle(gl) {
    const shader = (kind, source) => {
      const made = gl.createShader(kind);
      gl.shaderSource(made, source);
      gl.compileShader(made);
      gl.attachShader(program, made);
    };
    const program = gl.createProgram();
    shader(gl.VERTEX_SHADER, 'attribute vec2 p; varying vec2 v; void main() { v = p; gl_Position = vec4(p, 0, 1); }');
    shader(gl.FRAGMENT_SHADER, 'precision mediump float; varying vec2 v; void main() { gl_FragColor = vec4(v * .5 + .5, sin(v.x * 9.), 1); }');
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-0.9, -0.8, 0.95, -0.5, 0.1, 0.9]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  },

  renderer(realm) {
    const gl = surfaces.canvasOf(realm).getContext('webgl');
    const info = gl?.getExtension('WEBGL_debug_renderer_info');
    return gl ? `${info && gl.getParameter(info.UNMASKED_RENDERER_WEBGL)}` : null;
  },

  async audio(realm) {
    if (!realm.OfflineAudioContext) return null;
    return hashOf((await surfaces.rendered(realm)).getChannelData(0));
  },

  rendered(realm) {
    const context = new realm.OfflineAudioContext(1, 2000, 44100);
    const tone = context.createOscillator();
    tone.type = 'triangle';
    tone.frequency.value = 10000;
    const squeeze = context.createDynamicsCompressor();
    tone.connect(squeeze);
    squeeze.connect(context.destination);
    tone.start(0);
    return context.startRendering();
  },

  cores: (realm) => realm.navigator.hardwareConcurrency ?? null,
  memory: (realm) => realm.navigator.deviceMemory ?? null,

  connection(realm) {
    const c = realm.navigator.connection;
    // What the browser estimates as bandwidth is another number at each reading.
    return c ? [c.effectiveType, c.rtt, c.saveData].join(' ') : null;
  },

  async battery(realm) {
    if (!realm.navigator.getBattery) return null;
    const b = await realm.navigator.getBattery();
    return [b.charging, b.level, b.chargingTime, b.dischargingTime].join(' ');
  },

  names: ['canvas', 'webgl', 'renderer', 'audio', 'cores', 'memory', 'connection', 'battery'],

  /** Begins all readings in the task of the call, so that nothing can come between. */
  async all(realm) {
    const begun = surfaces.names.map((name) => {
      try {
        // In a realm that is gone nothing answers.
        const late = new Promise((resolve) => setTimeout(resolve, 2000, 'no answer'));
        return Promise.race([surfaces[name](realm), late]).catch((error) => `error: ${error}`);
      } catch (error) {
        return `error: ${error}`;
      }
    });
    const values = await Promise.all(begun);
    return Object.fromEntries(surfaces.names.map((name, i) => [name, values[i]]));
  },
};
