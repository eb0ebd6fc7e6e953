// Who looks: a token, for this tab only, and gone with it.

const KEY = "falco-gateway token";

export const session = {
  get token() { return sessionStorage.getItem(KEY) ?? ""; },

  set token(token) {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  },

  headers() {
    const { token } = session;
    return token ? { authorization: `Bearer ${token}` } : {};
  },
};
