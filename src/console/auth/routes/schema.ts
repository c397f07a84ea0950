/** Bodies and replies of what this folder serves. */
import Type, { type Static } from "typebox";
import { Line } from "../../model/field.ts";
import { ROLES } from "../author.ts";

const closed = { additionalProperties: false } as const;
const Time = Type.String({ description: "ISO 8601, UTC." });
const TimeOrNever = Type.Union([Time, Type.Null()]);
const Password = Type.String({ minLength: 1, maxLength: 1024 });
const RoleName = Type.Enum([...ROLES], { description: "Each may do what the ones before it may." });

export const LoginRequest = Type.Object(
  { user: Type.String({ minLength: 1, maxLength: 64 }), password: Password },
  closed,
);
export const LoginReply = Type.Object({
  user: Type.String(),
  role: RoleName,
  csrf: Type.String({ description: "For X-CSRF-Token on every write with the session's cookie." }),
  mustChange: Type.Boolean({ description: "The password is a one-time password; change it before all else." }),
});

export const PasswordRequest = Type.Object({ old: Password, new: Password }, closed);

export const Whoami = Type.Object({
  user: Type.String(),
  role: RoleName,
  via: Type.Enum(["session", "token"]),
  mustChange: Type.Boolean(),
  csrf: Type.Optional(Type.String({ description: "With a session only." })),
});

export const UserReply = Type.Object({
  name: Type.String(),
  role: RoleName,
  disabled: Type.Boolean(),
  mustChange: Type.Boolean(),
  created: Time,
  lastLogin: TimeOrNever,
  password: Type.Optional(Type.String({ description: "One-time password, shown once." })),
});
export const UserList = Type.Object({ items: Type.Array(UserReply), next: Type.Null() });

export const NewUser = Type.Object(
  {
    name: Type.String({
      pattern: "^[a-z][a-z0-9._@-]{1,63}$",
      description: "2–64 small letters, digits and . _ @ - ; a letter first.",
    }),
    role: RoleName,
  },
  closed,
);
export const UserChange = Type.Object(
  {
    role: Type.Optional(RoleName),
    disabled: Type.Optional(Type.Boolean({ description: "true: cannot log in, and its tokens are not taken." })),
    resetPassword: Type.Optional(
      Type.Literal(true, { description: "A new one-time password; its sessions end and its tokens are revoked." }),
    ),
  },
  closed,
);

export const TokenReply = Type.Object({
  id: Type.String(),
  user: Type.String(),
  name: Type.String(),
  role: RoleName,
  created: Time,
  expires: TimeOrNever,
  used: TimeOrNever,
  parent: Type.Union([Type.String(), Type.Null()], {
    description: "Id of the token that made it, and with which it goes; null: it was made after a login.",
  }),
  token: Type.Optional(Type.String({ description: "Shown once." })),
});
export const TokenList = Type.Object({ items: Type.Array(TokenReply), next: Type.Null() });

export const NewToken = Type.Object(
  {
    name: Line(1, 128, "What it is for; no control characters."),
    role: Type.Optional(RoleName),
    expires: Type.Optional(
      Type.Union([Time, Type.Null()], {
        description:
          "Default: in 90 days, or when the token that makes it ends. null: never; not by a token that ends.",
      }),
    ),
  },
  closed,
);

export const Owner = Type.Object(
  { user: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: "Whose; *: everybody's." })) },
  closed,
);

export const Gone = Type.Null({ description: "Done." });

export type LoginRequest = Static<typeof LoginRequest>;
export type PasswordRequest = Static<typeof PasswordRequest>;
export type NewUser = Static<typeof NewUser>;
export type UserChange = Static<typeof UserChange>;
export type NewToken = Static<typeof NewToken>;
