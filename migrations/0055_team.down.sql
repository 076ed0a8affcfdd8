SET LOCAL ROLE bb_owner;

DROP TABLE team_invitations;
DROP TABLE team_members;
DROP TABLE team_roles;

RESET ROLE;
