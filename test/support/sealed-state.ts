import { type LoginState, openLogin, sealLogin } from "../../src/connection/login-state.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { SEALING_KEY } from "./worker.ts";

/** States as the Worker seals them, with its key and its code: what only the Worker could have made. */

const BASE64 = { base64: "base64", base64url: "base64url" } as const;
interface Base64Options {
  alphabet?: keyof typeof BASE64;
}

// Workers have these, Node 24 has not.
if (!("toBase64" in Uint8Array.prototype)) {
  Object.defineProperty(Uint8Array.prototype, "toBase64", {
    value(this: Uint8Array, { alphabet = "base64" }: Base64Options = {}) {
      return Buffer.from(this).toString(BASE64[alphabet]);
    },
  });
  Object.defineProperty(Uint8Array, "fromBase64", {
    value: (text: string, { alphabet = "base64" }: Base64Options = {}) =>
      new Uint8Array(Buffer.from(text, BASE64[alphabet])),
  });
}

const keyring = () => {
  const [kid = "", key = ""] = SEALING_KEY.split(":");
  return createKeyring([{ kid, key: new Uint8Array(Buffer.from(key, "base64")) }]);
};

export const sealState = (login: LoginState): Promise<string> => sealLogin(keyring(), login);

/** What is in a state that the Worker made. */
export async function openState(state: string): Promise<LoginState> {
  const login = await openLogin(keyring(), state, Date.now());
  if (!login) throw new Error("The state does not open");
  return login;
}
