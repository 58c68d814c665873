// What the machine has: cores and memory near the truth, one connection and one battery for all, one device of a kind.

const CORES = [4, 8, 12, 16];
const GIGABYTES = [4, 8, 16];
const CONNECTION = { __proto__: null, effectiveType: "4g", rtt: 50, downlink: 10 };
const BATTERY = { __proto__: null, charging: true, chargingTime: 0, dischargingTime: Infinity, level: 1 };
const listen = method(scope.EventTarget, "addEventListener");
const silence = method(scope.Event, "stopImmediatePropagation");
const near = (salt, choices, surface) =>
  changing((truth) => {
    if (typeof truth !== "number") return truth;
    count(surface);
    return state.keys ? choose(state.keys.choice, salt, choices, truth) : choices[0];
  });

// Keeps the items of a list that the browser made for this call alone.
function keepOnly(list, isKept) {
  let n = 0;
  for (let i = 0; i < list.length; i++) if (isKept(list[i])) list[n++] = list[i];
  list.length = n;
  return list;
}

// One of each kind, while their names are still hidden.
function fewDevices(list) {
  const deviceKind = getter(scope.MediaDeviceInfo, "kind");
  const deviceLabel = getter(scope.MediaDeviceInfo, "label");
  for (let i = 0; i < list.length; i++) if (deviceLabel(list[i])) return;
  const seen = { __proto__: null };
  keepOnly(list, (device) => {
    const isNew = !seen[deviceKind(device)];
    seen[deviceKind(device)] = true;
    return isNew;
  });
}

function hush(target, names) {
  for (let i = 0; i < names.length; i++) listen(target, names[i], (event) => state.isOff || silence(event), true);
}

// Installs what belongs to an object when it is first asked for.
const asking = (owner, name, install) => {
  let isDone = false;
  wrap(owner, name, changing((value) => {
    if (value && !isDone) install(value);
    isDone = true;
    return value;
  }), "get");
};

function installNavigator(win) {
  const prototype = (name) => win[name] && win[name].prototype;
  const navigator = prototype("Navigator") || prototype("WorkerNavigator");
  wrap(navigator, "hardwareConcurrency", near(1, CORES, "cores"), "get");
  wrap(navigator, "deviceMemory", near(2, GIGABYTES, "memory"), "get");
  asking(navigator, "gpu", () => installGpu(win));
  asking(navigator, "connection", (connection) => {
    for (const name in CONNECTION) wrap(prototype("NetworkInformation"), name, changing(() => CONNECTION[name]), "get");
    hush(connection, ["change", "typechange"]);
  });
  const changes = ["chargingchange", "chargingtimechange", "dischargingtimechange", "levelchange"];
  wrap(navigator, "getBattery", following((self, args, promise) => {
    for (const name in BATTERY) wrap(prototype("BatteryManager"), name, changing(() => (count("battery"), BATTERY[name])), "get");
    then(promise, (battery) => setHas(changed, battery) || (setAdd(changed, battery), hush(battery, changes)), () => undefined);
  }));
  asking(navigator, "mediaDevices", () => {
    wrap(prototype("MediaDevices"), "enumerateDevices", following((self, args, promise) => {
      count("devices");
      then(promise, fewDevices, () => undefined);
    }));
  });
  asking(win, "speechSynthesis", () => {
    const isLocal = getter(scope.SpeechSynthesisVoice, "localService");
    const isDefault = getter(scope.SpeechSynthesisVoice, "default");
    wrap(prototype("SpeechSynthesis"), "getVoices", changing((list) => {
      count("voices");
      return keepOnly(list, (voice) => isLocal(voice) && isDefault(voice));
    }));
  });
}
