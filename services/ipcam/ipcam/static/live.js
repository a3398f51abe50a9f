// Shows one camera: /live#camera=<id>&token=<access token>. What stands behind # is sent to no server.
"use strict";

const asked = new URLSearchParams(location.hash.slice(1));
const camera = asked.get("camera");
const token = asked.get("token") || window.iocToken;
const video = document.getElementById("picture");
const said = document.getElementById("said");
const RENEW_BEFORE_MS = 30_000;
let player = null;

function say(text, bad) {
  said.textContent = text;
  said.className = bad ? "bad" : "";
}

async function ask(method, path) {
  const answer = await fetch(path, { method, headers: { Authorization: `Bearer ${token}` }, credentials: "same-origin" });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail || body.title || `HTTP ${answer.status}`);
  return body;
}

async function show() {
  const view = await ask("POST", `/v1/cameras/${encodeURIComponent(camera)}/views`);
  play(new URL(view.playlist_url, location.href).pathname); // this page and the pictures are of one origin
  setTimeout(() => show().catch(fail), Math.max(5_000, Date.parse(view.expires_at) - Date.now() - RENEW_BEFORE_MS));
}

function play(address) {
  if (player) player.destroy();
  if (window.Hls && Hls.isSupported()) {
    player = new Hls({ liveSyncDuration: 1.5, liveMaxLatencyDuration: 6, maxBufferLength: 6, manifestLoadingTimeOut: 20_000 });
    player.on(Hls.Events.ERROR, (_event, data) => {
      if (!data.fatal) return;
      const status = data.response && data.response.code;
      fail(new Error(status === 504 ? "Camera không cho hình" : `Mất hình (${data.details})`));
    });
    player.loadSource(address);
    player.attachMedia(video);
  } else {
    video.src = address;
  }
}

function fail(error) {
  say(`${error.message}. Thử lại sau 5 giây.`, true);
  setTimeout(() => show().catch(fail), 5_000);
}

video.addEventListener("playing", () => {
  const first = !document.documentElement.dataset.playing;
  say("Đang xem trực tiếp" + (first ? ` · hình đầu tiên sau ${(performance.now() / 1000).toFixed(1)} giây` : ""));
  document.documentElement.dataset.playing = "yes";
});

if (camera && token) show().catch(fail);
else say("Thiếu camera hoặc phiên đăng nhập.", true);
