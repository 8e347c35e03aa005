// What goes on in the project, told by the server as it happens. When the server is away the page says so, and goes on.

import { inProject, signIn } from "./api.js";

const SHOWN_AFTER = 1500;
const LONGEST = 10_000;

/**
 * Listen. `job` is given each job that came further, `changed` what was added or decided since. A hidden page does not
 * listen; when it is shown again it is told all that it has missed. `back` is called when the server is there again.
 */
export function live({ job = () => {}, changed = () => {}, back = () => {} }) {
  let source;
  let seq = "";
  let wait = 1000;
  let timer;
  const away = awaySign();

  function connect() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(inProject(`/live${seq ? `?after=${seq}` : ""}`));
    source.addEventListener("open", () => {
      wait = 1000;
      if (away.hide()) back();
    });
    source.addEventListener("job", heard(job));
    source.addEventListener("changed", heard(changed));
    source.addEventListener("error", () => {
      away.show();
      // A connection that was cut comes back by itself; one that was refused does not.
      if (source.readyState === EventSource.CLOSED) retry();
    });
  }

  const heard = (tell) => (event) => {
    seq = event.lastEventId || seq;
    tell(JSON.parse(event.data));
  };

  async function retry() {
    timer = setTimeout(connect, wait);
    wait = Math.min(LONGEST, wait * 2);
    // Photos that wait to be sent would be lost by going elsewhere: their own page says what to do.
    if (!document.body.classList.contains("uploading") && (await signedOut())) {
      clearTimeout(timer);
      signIn();
    }
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) source.close();
    else connect();
  });
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
}

/** Whether the server is there, and asks who we are. */
async function signedOut() {
  try {
    const answer = await fetch(inProject("/found"), { headers: { "HX-Request": "true" }, cache: "no-store" });
    return answer.status === 401 || answer.headers.has("HX-Redirect");
  } catch {
    return false;
  }
}

/** A line at the head of the page while the server is away; not for a moment that nobody would notice. */
function awaySign() {
  let sign;
  let timer;
  return {
    show() {
      if (sign || timer) return;
      timer = setTimeout(() => {
        sign = document.createElement("p");
        sign.className = "away banner warning";
        sign.setAttribute("role", "status");
        const words = document.createElement("span");
        words.textContent = "The server is away. This page tries again by itself, and goes on where it was.";
        const turning = document.createElement("span");
        turning.className = "spinner";
        sign.append(turning, words);
        document.getElementById("main").prepend(sign);
      }, SHOWN_AFTER);
    },
    /** Return whether it had been shown or was about to be. */
    hide() {
      const was = Boolean(sign || timer);
      clearTimeout(timer);
      sign?.remove();
      sign = timer = undefined;
      return was;
    },
  };
}
