"""Sound, graphics cards and what the machine has."""

from case import Case, in_both

SOUND = "(async () => { const s = await T.audio(); return T.hash(new Uint8Array(s.buffer)) })()"
SOUND_BY_EVENT = """new Promise((done) => {
  const context = new OfflineAudioContext(1, 4000, 44100), source = context.createOscillator(), compressor = context.createDynamicsCompressor();
  source.type = "triangle";
  source.frequency.value = 10000;
  source.connect(compressor).connect(context.destination);
  source.start();
  context.oncomplete = (event) => done(T.hash(new Uint8Array(event.renderedBuffer.getChannelData(0).buffer)));
  context.startRendering();
})"""
# A triangle and a cleared area, read whole, in parts and as a picture.
SCENE = """(() => {
  const canvas = T.canvas(self, 64, 64), gl = canvas.getContext("webgl", { preserveDrawingBuffer: true });
  if (!gl) return null;
  gl.clearColor(0.2, 0.4, 0.6, 1);
  gl.clear(gl.COLOR_BUFFER_BIT);
  const read = (x, y, w, h) => { const out = new Uint8Array(w * h * 4); gl.readPixels(x, y, w, h, gl.RGBA, gl.UNSIGNED_BYTE, out); return out };
  const flat = [...read(0, 0, 64, 64)].every((b, i) => b === [51, 102, 153, 255][i % 4]);
  const program = gl.createProgram();
  for (const [type, text] of [
    [gl.VERTEX_SHADER, "attribute vec2 p; varying vec2 v; void main() { v = p; gl_Position = vec4(p, 0, 1); }"],
    [gl.FRAGMENT_SHADER, "precision mediump float; varying vec2 v; void main() { gl_FragColor = vec4(sin(v * 40.0) * 0.5 + 0.5, 0.5, 1); }"],
  ]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, 0, "p");
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-0.9, -0.9, 0.9, -0.5, 0, 0.9]), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  gl.drawArrays(gl.TRIANGLES, 0, 3);
  const whole = read(0, 0, 64, 64);
  let n_wrong = 0;
  for (let i = 0; i < 400; i++) {
    const [x, y] = [(i * 7) % 64, (i * 11) % 64];
    read(x, y, 1, 1).forEach((b, c) => (n_wrong += b !== whole[(y * 64 + x) * 4 + c]));
  }
  const copy = T.canvas(self, 64, 64), context = copy.getContext("2d");
  context.drawImage(canvas, 0, 0);
  const pixels = context.getImageData(0, 0, 64, 64).data;
  let n_other = 0;
  for (let y = 0; y < 64; y++) for (let i = 0; i < 256; i++) n_other += pixels[y * 256 + i] !== whole[(63 - y) * 256 + i];
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  return { flat, hash: T.hash(whole), n_wrong, n_other, renderer: info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : gl.getParameter(gl.RENDERER) };
})()"""


@in_both
class Surfaces(Case):
    def test_sound_differs_between_sites_is_stable_and_near_the_truth(self):
        a = self.on("a.localhost")
        first = a.run(SOUND)
        self.assertEqual(a.run(f"Promise.all([{SOUND}, {SOUND_BY_EVENT}])"), [first] * 2)
        self.assertEqual(self.on("www.a.localhost").run(SOUND), first)
        true = self.on("a.localhost", has_extension=False)
        self.assertEqual(len({first, self.on("b.localhost").run(SOUND), true.run(SOUND)}), 3)
        samples = "(async () => [...await T.audio()])()"
        error = max(abs(x - y) for x, y in zip(a.run(samples), true.run(samples)))
        self.assertLess(error, 1.1e-3)

    def test_sound_of_a_file_is_exact(self):
        decoded = """(async () => {
          const bytes = new Uint8Array(44 + 400), view = new DataView(bytes.buffer);
          const text = (at, s) => [...s].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
          text(0, "RIFF"); view.setUint32(4, 436, true); text(8, "WAVEfmt "); view.setUint32(16, 16, true); view.setUint16(20, 1, true);
          view.setUint16(22, 1, true); view.setUint32(24, 44100, true); view.setUint32(28, 88200, true); view.setUint16(32, 2, true);
          view.setUint16(34, 16, true); text(36, "data"); view.setUint32(40, 400, true);
          for (let i = 0; i < 200; i++) view.setInt16(44 + 2 * i, i * 100, true);
          const buffer = await new OfflineAudioContext(1, 200, 44100).decodeAudioData(bytes.buffer);
          return [...buffer.getChannelData(0)].slice(0, 200);
        })()"""
        with_, without = self.both("a.localhost", decoded)
        self.assertEqual(with_, without)

    def test_webgl_is_exact_where_flat_and_names_no_model(self):
        # Firefox has no WebGL here, which is the same with the extension.
        a, b = (self.on(host).run(SCENE) for host in ("a.localhost", "b.localhost"))
        true = self.on("a.localhost", has_extension=False).run(SCENE)
        if self.kind == "firefox" and true is None:
            self.assertIsNone(a)
            return
        self.assertEqual(len({a["hash"], b["hash"], true["hash"]}), 3)
        self.assertEqual([a["flat"], a["n_wrong"], a["n_other"]], [true["flat"], true["n_wrong"], true["n_other"]])
        self.assertIn("SwiftShader", true["renderer"])
        self.assertEqual(a["renderer"], "ANGLE (Google)")

    def test_cores_and_memory_are_near_the_truth_and_the_same_on_a_site(self):
        read = "[navigator.hardwareConcurrency, navigator.deviceMemory ?? null]"
        true = self.on("a.localhost", has_extension=False).run(read)
        seen = [self.on(host).run(read) for host in ("a.localhost", "www.a.localhost")]
        self.assertEqual(*seen)
        cores, memory = seen[0]
        self.assertIn(cores, [4, 8, 12, 16])
        if true[0] >= 4:
            self.assertTrue(true[0] / 2 <= cores <= true[0] * 2, (true, cores))
        if true[1] is None:
            self.assertIsNone(memory)
        else:
            self.assertIn(memory, [4, 8, 16])

    def test_connection_battery_and_devices_are_those_of_many(self):
        seen = self.on("a.localhost").run(
            """(async () => {
              const battery = await navigator.getBattery?.(), c = navigator.connection;
              const devices = await navigator.mediaDevices.enumerateDevices();
              return [
                battery ? [battery.charging, battery.level, battery.chargingTime, String(battery.dischargingTime)] : null,
                c ? [c.effectiveType, c.rtt, c.downlink] : null, new Set(devices.map((d) => d.kind)).size === devices.length,
              ];
            })()"""
        )
        is_chromium = self.kind == "chromium"
        self.assertEqual(seen, [[True, 1, 0, "Infinity"], ["4g", 50, 10], True] if is_chromium else [None, None, True])
