// Sound that an OfflineAudioContext rendered, changed once: a little quieter, and by a ten-thousandth at each sample.
// Decoded files are not touched.

let channels, samplesOf, lengthOf;
const changed = new WeakSet();
function changeSound(buffer) {
  channels ||= getter(scope.AudioBuffer, "numberOfChannels");
  samplesOf ||= method(scope.AudioBuffer, "getChannelData");
  lengthOf ||= getter(scope.AudioBuffer, "length");
  if (!buffer || setHas(changed, buffer)) return buffer;
  setAdd(changed, buffer);
  count("audio");
  const key = state.keys && state.keys.audio;
  const scale = key ? 1 - (prf(key, 1, 0, 0, 0, 0) / 2 ** 32) * 0.001 : 0;
  const memory = new Buffer(4);
  const value = new Floats(memory);
  const bits = new Words(memory);
  const n = lengthOf(buffer);
  for (let channel = 0; channel < channels(buffer); channel++) {
    const samples = samplesOf(buffer, channel);
    for (let i = 0; i < n; i++) {
      if (samples[i] === 0) continue;
      value[0] = samples[i];
      samples[i] = key ? value[0] * scale * (1 + (prf(key, bits[0], 2, 0, 0, 0) / 2 ** 31 - 1) * 1e-4) : 0;
    }
  }
  return buffer;
}

function installAudio(win) {
  const prototype = (name) => win[name] && win[name].prototype;
  // Before what the page will have done with it.
  wrap(prototype("OfflineAudioContext"), "startRendering", following((self, args, promise) => {
    if (promise) then(promise, changeSound, () => undefined);
  }));
  wrap(prototype("OfflineAudioCompletionEvent"), "renderedBuffer", changing(changeSound), "get");
}
